/**
 * Redis refuses one of the commands of a task's life, twice, with any of its errors, and takes it then:
 * every task ends as it should, once.
 */
import { type App, chain, group, ResultTimeoutError } from 'dtask';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Engine } from '../support/engine.js';
import { type Asked, RefusingProxy, refusals } from '../support/refusing-proxy.js';
import { Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { WorkerProcess } from '../support/worker-process.js';

/** A call, whatever it is of. */
interface Getting {
  get(options: { timeout: '20s' | '40s' }): Promise<unknown>;
}

/** A command, and a task that needs it. */
interface Step {
  readonly is: (asked: Asked) => boolean;
  readonly send: (app: App, mark: string) => Getting;
  readonly end: unknown;
  /** How many are to be among the failed ones. */
  readonly failed?: number;
  /** Whether nobody is told: the worker asks again by itself. */
  readonly isQuiet?: boolean;
}

const runs =
  (text: string) =>
  ({ script }: Asked): boolean =>
    script.includes(text);
const add = (app: App): Getting => app.sendTask('add', [1, 2]);
const failing = (app: App): Getting => app.sendTask('fails', []);
const flaky = (app: App, mark: string): Getting => app.sendTask('flaky', [mark]);
const inChain = (app: App): Getting =>
  chain(app.signature('add', [1, 2]), app.signature('add', [3])).delay();

const stores = runs('local keep, callers');
const finishes = runs('Move job from active to a finished status');
const failsJob = (asked: Asked): boolean => finishes(asked) && asked.words.includes('failedReason');

const steps: Readonly<Record<string, Step>> = {
  'the fetch of a task': {
    is: runs('Move next job to be processed to active'),
    send: add,
    end: 3,
    isQuiet: true,
  },
  'the result of a task': { is: stores, send: add, end: 3 },
  'the failure of a task': { is: stores, send: failing, end: 'it fails', failed: 1 },
  'the completion of a task': { is: finishes, send: add, end: 3 },
  'the place among the failed ones': { is: failsJob, send: failing, end: 'it fails', failed: 1 },
  'another run of a task': {
    is: runs('Moves job from active to delayed set.'),
    send: flaky,
    end: (mark: string) => mark,
  },
  'the record of a step': {
    is: ({ words: [name = '', key = ''] }) => name.toLowerCase() === 'get' && key.includes(':r:'),
    send: inChain,
    end: 6,
  },
  'the next step of a chain': {
    is: runs('Adds a job to the queue by doing the following'),
    send: inChain,
    end: 6,
  },
  'a place in a group': {
    is: runs("redis.call('HSETNX', key, at, ARGV[2])"),
    send: (app) => chain(group([app.signature('add', [3, 7])]), app.signature('total')).delay(),
    end: 10,
  },
  'having a task back': {
    is: runs('Function to move job from active state to wait.'),
    send: (app, mark) => app.sendTask('returned', [mark]),
    end: 'again',
  },
};

let engine: Engine;
let proxy: RefusingProxy;
let stage: Stage;
let worker: WorkerProcess;

beforeAll(async () => {
  engine = await Engine.start();
  proxy = await RefusingProxy.start(engine.port);
  stage = new Stage(engine.url);
  const env = stage.environment({ DTASK_BROKER_URL: proxy.url });
  const flags = ['-c', '4', '--lock-duration', '2s', '--stalled-interval', '300ms'];
  worker = await new WorkerProcess({ app: 'fence/app.ts', env, flags }).ready();
});
afterAll(async () => {
  await worker.kill();
  await stage.strike();
  await proxy.stop();
  await engine[Symbol.asyncDispose]();
});

describe.each(Object.entries(steps))('%s', (name, { is, send, end, failed = 0, isQuiet }) => {
  it.each(refusals)('is refused with %s: it is tried again, and said once', async (error) => {
    const { app, trace, redis } = stage;
    const mark = `${name} ${refusals.indexOf(error)}`.replaceAll(' ', '-');
    const logged = worker.log.length;
    let left = 2;
    const before = proxy.refused.length;
    proxy.refuse((asked) => {
      if (left === 0 || !is(asked)) return undefined;
      left -= 1;
      return error;
    });
    const result = send(app, mark);
    const said = await result.get({ timeout: '20s' }).catch((thrown: unknown) => {
      if (thrown instanceof ResultTimeoutError) throw thrown;
      return (thrown as Error).message;
    });
    expect(said).toEqual(typeof end === 'function' ? (end as (mark: string) => string)(mark) : end);
    await until('nothing is left but what has failed', async () => {
      const { waiting, delayed, active } = await app.queues.counts('default');
      return waiting + delayed + active === 0;
    });
    expect(proxy.refused.length - before).toBe(2);
    expect((await app.queues.counts('default')).failed).toBe(failed);
    if (failed > 0) await app.failed.drop({});
    expect(await redis.keys('*:lock')).toEqual([]);
    // A run, and for some another one that was asked for.
    expect(trace.starts(mark).length).toBeLessThanOrEqual(2);
    if (isQuiet) return;
    const lines = await until('it is said that it is over', () => {
      const fresh = worker.log.slice(logged);
      return fresh.some(({ msg }) => msg.startsWith('Redis takes what')) && fresh;
    });
    const refused = lines.filter(({ msg }) => msg.startsWith('Redis does not take'));
    expect(refused).toHaveLength(1);
    expect(refused[0]?.['ids']).toHaveLength(1);
    expect(refused[0]?.['err']).toMatchObject({
      message: expect.stringContaining(error) as string,
    });
  });
});
