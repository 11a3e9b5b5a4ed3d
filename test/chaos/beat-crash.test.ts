/**
 * A beat that dies between any two of its Redis commands: another one takes over, and every tick of
 * every kind of entry is executed once.
 *
 * A proxy keeps the beat's Nth command from Redis, and all that comes later; then the beat is killed.
 */
import { expect, it, onTestFinished } from 'vitest';
import { BeatProcess, startBeatSoon } from '../support/beat-process.js';
import { CountingProxy } from '../support/counting-proxy.js';
import { engine } from '../support/own-engine.js';
import { report } from '../support/report.js';
import { setStage, type Stage } from '../support/stage.js';
import type { Start } from '../support/trace.js';
import { until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

/** What each entry leads to, by the tasks that note a run. */
const kinds = {
  plain: ['note'],
  unique: ['note'],
  skip: ['note'],
  chain: ['more', 'more', 'one'],
  chord: ['gather', 'one', 'one'],
};
const names = Object.keys(kinds);

/** One run of one task. */
interface Run extends Start {
  readonly task: string;
  readonly entry: string;
  readonly tick: number;
}

const runsOf = ({ trace }: Stage): Run[] => trace.starts('ticks') as Run[];

it.each(['runs at once', 'waits until another beat has taken over'] as const)(
  'each tick is executed once wherever its beat dies, where what it sent %s',
  { timeout: 120_000 },
  async (when) => {
    const stage = setStage(engine.url);
    const env = stage.environment({ BEAT_KINDS: '1' });
    const worker = { app: 'beats/app.mjs', env, flags: ['-c', '2'] };
    if (when === 'runs at once') await startWorker(worker);
    let deaths = 0;
    const ticks: number[] = [];
    let victim = await Guarded.start(env);
    await until('the entries are there', async () => {
      const count = await stage.redis.zcard(key(stage, 'due'));
      return count === names.length;
    });
    for (let isCut = true; isCut;) {
      await leads(stage, victim.beat);
      victim.proxy.cutAfter(deaths);
      const tick = await makeDue(stage);
      ticks.push(tick);
      isCut = await Promise.race([
        victim.proxy.silence.then(() => true),
        noted(stage, tick).then(() => false),
      ]);
      if (!isCut) break;
      deaths += 1;
      await victim.end();
      // As when its claim lapses, five seconds later.
      await stage.redis.del(...['lease', 'beats', 'codes'].map((part) => key(stage, part)));
      victim = await Guarded.start(env);
      await noted(stage, tick);
    }
    await victim.end();
    if (when !== 'runs at once') await startWorker(worker);
    const wanted = ticks.flatMap((tick, at) =>
      Object.entries(kinds).flatMap(([entry, tasks]) => {
        // The first one of these still waits.
        const isHeld = when !== 'runs at once' && at > 0 && ['unique', 'skip'].includes(entry);
        return isHeld ? [] : tasks.map((task) => `${tick} ${entry} ${task}`);
      }),
    );
    await until('all has run', () => runsOf(stage).length >= wanted.length, 20_000);
    await until('nothing is left to do', async () => {
      const { waiting, active, delayed } = await stage.app.queues.counts('default');
      return waiting + active + delayed === 0;
    });
    report(`a beat cut short before each of its commands, and what it sent ${when}`, { deaths });
    const ran = runsOf(stage).map(({ tick, entry, task }) => `${tick} ${entry} ${task}`);
    expect(ran.toSorted()).toEqual(wanted.toSorted());
    expect(new Set(runsOf(stage).map(({ id }) => id)).size).toBe(wanted.length);
    expect(deaths).toBeGreaterThan(names.length);
  },
);

/** A beat behind a proxy of its own, which counts what it does when something is due. */
class Guarded {
  readonly beat: BeatProcess;
  readonly proxy: CountingProxy;

  private constructor(beat: BeatProcess, proxy: CountingProxy) {
    this.beat = beat;
    this.proxy = proxy;
  }

  static async start(env: Readonly<Record<string, string>>): Promise<Guarded> {
    const proxy = await CountingProxy.start(engine.port, isStep);
    onTestFinished(() => proxy.stop());
    proxy.open();
    const beat = startBeatSoon({ ...env, DTASK_BROKER_URL: proxy.url });
    return new Guarded(await beat.ready(), proxy);
  }

  async end(): Promise<void> {
    await this.beat.kill();
    await this.proxy.stop();
  }
}

/** What a beat says whatever it does. */
const idle = new Set(['ping', 'info', 'client']);

/** Whether a command is a part of what a beat does for a tick: its turns go on without one. */
function isStep([name = '', ...words]: readonly string[]): boolean {
  const command = name.toLowerCase();
  if (idle.has(command)) return false;
  return !(command.startsWith('eval') && words[2]?.endsWith(':beats'));
}

const key = ({ prefix }: Stage, part: string): string => `${prefix}:beat:{beats}:${part}`;

async function leads({ redis, prefix }: Stage, beat: BeatProcess): Promise<void> {
  await until('the beat leads', async () => {
    const lease = await redis.get(`${prefix}:beat:{beats}:lease`);
    return lease !== null && lease === beat.id;
  });
}

/** Lets all entries tick now. */
async function makeDue(stage: Stage): Promise<number> {
  const { redis } = stage;
  const tick = Date.now();
  const states = await redis.hgetall(key(stage, 'states'));
  const all = redis.multi();
  for (const [name, text] of Object.entries(states)) {
    const state = JSON.parse(text) as object;
    all.hset(key(stage, 'states'), name, JSON.stringify({ ...state, tick, fireAt: tick }));
    all.zadd(key(stage, 'due'), tick, name);
  }
  await all.exec();
  return tick;
}

/** Resolves when it is noted of all entries that this tick was acted upon. */
async function noted(stage: Stage, tick: number): Promise<void> {
  await until(
    'the tick is noted',
    async () => {
      const states = Object.values(await stage.redis.hgetall(key(stage, 'states')));
      return states.every((text) => (JSON.parse(text) as { tick: number }).tick > tick);
    },
    30_000,
  );
}
