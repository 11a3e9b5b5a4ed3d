/**
 * Canvases whose worker dies between any two of its Redis commands: another one carries them on, to
 * the right end, and runs again only what had not ended.
 *
 * A proxy keeps the worker's Nth command from Redis, and all that comes later; then the worker is
 * killed, with all replies in hand. Commands that change nothing are not counted: a death before one
 * leaves the Redis of a death before the next. DTASK_CRASH_POINTS=all counts them as well.
 */
import { type App, chain, chord, group, TaskFailedError } from 'dtask';
import { expect, it, onTestFinished } from 'vitest';
import { CountingProxy } from '../support/counting-proxy.js';
import { findLeaks } from '../support/leaks.js';
import { engine } from '../support/own-engine.js';
import { report } from '../support/report.js';
import { setStage, type Stage } from '../support/stage.js';
import type { Start } from '../support/trace.js';
import { until } from '../support/until.js';
import { startWorkerSoon, type WorkerProcess } from '../support/worker-process.js';

const everyCommand = process.env['DTASK_CRASH_POINTS'] === 'all';

/** How many workers are killed at a time. */
const width = 2;

/** How many deaths may go wrong before the rest is let be. */
const most = 5;

/** A canvas, and what has to come of it. */
interface Scene {
  readonly make: (app: App) => { delay(): { get(options: object): Promise<unknown> } };
  /** Its value, or its error. */
  readonly end: unknown;
  /** Every task that has to run, with its arguments. */
  readonly steps: readonly (readonly [task: string, args: readonly unknown[]])[];
  /** How many tasks are to be kept as failed. */
  readonly failed?: number;
}

const scenes: Readonly<Record<string, Scene>> = {
  'a chain of three with a link': {
    make: (app) =>
      chain(
        app.signature('add', [1, 2]),
        app.signature('add-later', [4]).link(app.signature('tell')),
        app.signature('add', [10]),
      ),
    end: { value: 17 },
    steps: [
      ['add', [1, 2]],
      ['add-later', [3, 4]],
      ['tell', [7]],
      ['add', [7, 10]],
    ],
  },
  'a group in a chain in a group, and a body': {
    make: (app) =>
      chain(
        group(
          chain(
            app.signature('add', [1, 1]),
            group(app.signature('add', [10]), app.signature('add-later', [20])),
          ),
          app.signature('add', [3, 3]),
        ),
        app.signature('gather'),
      ),
    end: { value: [[12, 22], 6] },
    steps: [
      ['add', [1, 1]],
      ['add', [2, 10]],
      ['add-later', [2, 20]],
      ['add', [3, 3]],
      ['gather', [[[12, 22], 6]]],
    ],
  },
  'a chord of three, one of which is replaced by a chain': {
    make: (app) =>
      chord(
        [
          app.signature('add', [1, 1]),
          app.signature('detour', [2]),
          app.signature('add-later', [3, 3]),
        ],
        app.signature('gather'),
      ),
    end: { value: [2, 13, 6] },
    steps: [
      ['add', [1, 1]],
      ['detour', [2]],
      ['add', [2, 1]],
      ['add-later', [3, 10]],
      ['add-later', [3, 3]],
      ['gather', [[2, 13, 6]]],
    ],
  },
  'a chord with a header that fails, and an errback': {
    make: (app) =>
      chord(
        [
          app.signature('add', [1, 1]),
          app.signature('fail', ['on purpose']),
          app.signature('add-later', [3, 3]),
        ],
        app.signature('gather').onError(app.signature('tell')),
      ),
    end: { error: 'RangeError: on purpose' },
    steps: [
      ['add', [1, 1]],
      ['fail', ['on purpose']],
      ['add-later', [3, 3]],
      ['tell', [{ id: expect.any(String), task: 'fail', error: 'RangeError: on purpose' }]],
    ],
    failed: 1,
  },
};

it.each(Object.entries(scenes))(
  '%s comes to its right end wherever its worker dies',
  { timeout: everyCommand ? 300_000 : 90_000 },
  async (title, scene) => {
    const totals = { deaths: 0, again: 0 };
    const failures: string[] = [];
    let next = 0;
    let isOver = false;
    const lane = async (): Promise<void> => {
      let pair: Pair | undefined;
      while (!isOver) {
        const at = next;
        next += 1;
        try {
          pair ??= await Pair.start();
          const death = await play(scene, pair, at);
          if (death) totals.deaths += 1;
          else isOver = true;
          totals.again += death?.again ?? 0;
        } catch (error) {
          failures.push(`death ${at} ${pair?.story ?? ''}: ${explain(error)}`);
          await pair?.end();
          pair = undefined;
          if (failures.length > most) isOver = true;
        }
      }
    };
    await Promise.all(Array.from({ length: width }, lane));
    report(`${title}, cut short before each of its commands`, totals);
    expect(failures).toEqual([]);
    expect(totals.deaths).toBeGreaterThan(scene.steps.length);
  },
);

/** One run of one task of the canvases. */
interface Run extends Start {
  readonly task: string;
  readonly args: readonly unknown[];
}

/**
 * Sends a canvas, kills its worker before its command `at`, and checks what becomes of it. Gives
 * nothing where the canvas was done before it came to that.
 */
async function play(scene: Scene, pair: Pair, at: number): Promise<{ again: number } | undefined> {
  const { stage, victim } = pair;
  // Connections and scripts are there when it counts, as in a worker that has run for a while.
  if (victim.isFresh) expect(await ended(scene, stage)).toEqual(scene.end);
  victim.isFresh = false;
  await pair.settled();
  await stage.app.queues.purge('default');
  const past = runsOf(stage).length;
  victim.proxy.cutAfter(at);
  const end = ended(scene, stage);
  const whole = end.then(() => pair.settled());
  // It is waited for below, unless something else goes wrong first.
  whole.catch(() => undefined);
  const isCut = await Promise.race([
    victim.proxy.silence.then(() => true),
    whole.then(() => false),
  ]);
  const before = isCut ? await pair.change() : undefined;
  expect(await end).toEqual(scene.end);
  await whole;

  const runs = runsOf(stage).slice(past);
  const first = new Map(runs.toReversed().map((run) => [run.id, run]));
  const steps = [...first.values()].map(({ task, args }) => [task, args] as const);
  expect(steps.toSorted(byText)).toEqual(scene.steps.toSorted(byText));
  const again = runs.filter((run) => first.get(run.id) !== run);
  // What runs twice was running when the worker died, and had not ended.
  const finished = again.filter(({ id }) => !before?.unended.includes(id));
  expect(finished.map(({ task }) => task)).toEqual([]);
  expect(again.length).toBeLessThanOrEqual(1);
  expect(await leaksOf(stage)).toEqual([]);
  expect(await stage.app.failed.count()).toBe(scene.failed ?? 0);
  return isCut ? { again: again.length } : undefined;
}

/** How a canvas ends that is sent now. */
async function ended(scene: Scene, { app }: Stage): Promise<unknown> {
  try {
    return { value: await scene.make(app).delay().get({ timeout: '20s' }) };
  } catch (error) {
    if (!(error instanceof TaskFailedError)) throw error;
    return { error: `${error.errorName}: ${error.message}` };
  }
}

/** What stays for ever. The lease of a dead worker may lapse between two looks of one search. */
async function leaksOf({ redis, prefix }: Stage): Promise<string[]> {
  const leaks = await findLeaks(redis, prefix);
  return leaks.length === 0 ? leaks : findLeaks(redis, prefix);
}

const runsOf = ({ trace }: Stage): Run[] => trace.starts('runs') as Run[];

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** What went wrong, in a line. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!('actual' in error && 'expected' in error)) return error.message;
  return `${error.message}: ${JSON.stringify(error.actual)} for ${JSON.stringify(error.expected)}`;
}

/** The keys of a part of the queue: under DTASK_SHARDS, one for each shard. */
const keysOf = ({ app }: Stage, part: string): string[] =>
  app.queues.shards.all.map(({ prefix }) => `${prefix}:{default}:${part}`);

/** A worker behind a proxy of its own. */
interface Guarded {
  readonly proxy: CountingProxy;
  readonly worker: WorkerProcess;
  isFresh: boolean;
}

/** The worker that is to die, and the one that comes after it. */
class Pair {
  readonly stage: Stage;
  victim: Guarded;
  #place = '';
  #heir: Guarded;

  private constructor(stage: Stage, victim: Guarded, heir: Guarded) {
    this.stage = stage;
    this.victim = victim;
    this.#heir = heir;
  }

  static async start(): Promise<Pair> {
    const stage = setStage(engine.url);
    const victim = await guard(stage);
    const pair = new Pair(stage, victim, await guard(stage));
    victim.proxy.open();
    await victim.worker.ready();
    return pair;
  }

  /** Kills the one and lets the other at Redis. Gives the tasks that had been taken and not ended. */
  async change(): Promise<{ unended: string[] }> {
    const { stage, victim } = this;
    this.#place = `before ${victim.proxy.counted.slice(-2).map(brief).reverse().join(', after ')}`;
    await victim.worker.kill();
    await victim.proxy.stop();
    const active = (
      await Promise.all(keysOf(stage, 'active').map((key) => stage.redis.lrange(key, 0, -1)))
    ).flat();
    const records = await Promise.all(
      active.map((id) => stage.redis.get(`${stage.app.queues.shards.of(id).prefix}:r:${id}`)),
    );
    const unended = active.filter(
      (_id, at) => !/"state":"(SUCCESS|FAILURE)"/.test(records[at] ?? ''),
    );
    this.victim = this.#heir;
    this.victim.proxy.open();
    this.#heir = await guard(stage);
    return { unended };
  }

  /** Where the last victim died, and what the one after it had to complain of. */
  get story(): string {
    const complaints = this.victim.worker.log.filter(({ level }) => level >= 40);
    const lines = complaints.map(({ msg, id }) => `${msg} (${id})`);
    return `${this.#place} [${lines.join('; ')}]`;
  }

  async end(): Promise<void> {
    await Promise.all([this.victim.worker.kill(), this.#heir.worker.kill()]);
  }

  /** Resolves when nothing is left to do. */
  async settled(): Promise<void> {
    const { redis } = this.stage;
    const keys = (part: string): string[] => keysOf(this.stage, part);
    await until('the queue is empty and its worker waits', async () => {
      const asked = redis.multi();
      for (const key of [...keys('wait'), ...keys('active')]) asked.llen(key);
      for (const key of [...keys('delayed'), ...keys('prioritized')]) asked.zcard(key);
      const replies = await asked.exec();
      return replies?.every(([, count]) => count === 0) && this.victim.proxy.isIdle;
    });
  }
}

async function guard(stage: Stage): Promise<Guarded> {
  const proxy = await CountingProxy.start(engine.port, isStep);
  onTestFinished(() => proxy.stop());
  const worker = startWorkerSoon({
    app: '../chaos/canvas-app.ts',
    env: stage.environment({ DTASK_BROKER_URL: proxy.url }),
    flags: ['-c', '1', '--lock-duration', '1s', '--stalled-interval', '300ms'],
  });
  return { proxy, worker, isFresh: true };
}

/** What a worker asks for or says whatever it does. */
const idle = new Set(['bzpopmin', 'ping', 'client', 'info', 'subscribe', 'unsubscribe']);

/** What changes nothing: it reads, or waits within MULTI for EXEC. */
const harmless = new Set(['get', 'hgetall', 'multi', 'hset', 'hsetnx', 'pexpire']);

/** Whether a command is a part of what a worker does for a task. */
function isStep([name = '', ...words]: readonly string[]): boolean {
  const command = name.toLowerCase();
  if (idle.has(command)) return false;
  if (!command.startsWith('eval')) return everyCommand || !harmless.has(command);
  const keys = words.slice(2, 2 + Number(words[1]));
  // The search for lost tasks, the renewal of locks, and the lease of the worker's name.
  const isUpkeep =
    keys.some((key) => key.endsWith(':stalled-check') || /^[^:]+:w:/.test(key)) ||
    (keys.length === 1 && /:(stalled|active)$/.test(keys[0] ?? ''));
  return !isUpkeep;
}

/** A command in a few words. */
function brief([name = '', ...words]: readonly string[]): string {
  const shown = name.startsWith('eval') ? words.slice(1, 3 + Number(words[1])) : words;
  return [name, ...shown].join(' ').slice(0, 240);
}
