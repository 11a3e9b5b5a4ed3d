/** Start, stop and close of workers and beats in this process: every order has an end that is known, and leaves nothing. */
import { App } from 'dtask';
import { Beat, Worker, type WorkerOptions } from 'dtask/worker';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Gate } from '../behaviour/gate.js';
import { engine } from '../support/own-engine.js';
import { setStage, type Stage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { startProgram } from './program.js';

/** One of a kind, not started. */
const kinds = {
  worker: (app: App) => new Worker(app, { logLevel: 'silent' }),
  beat: (app: App) => new Beat(app, { logLevel: 'silent' }),
};

describe.each(['worker', 'beat'] as const)('a %s', (kind) => {
  it('goes from new by starting to running, and by stopping to stopped', async () => {
    const { one } = make(kind);
    const seen = [one.state];
    const started = one.start();
    seen.push(one.state);
    await started;
    seen.push(one.state);
    const stopped = one.stop();
    seen.push(one.state);
    await stopped;
    expect([...seen, one.state]).toEqual(['new', 'starting', 'running', 'stopping', 'stopped']);
  });

  it('that is started twice is one start, and one stop ends it', async () => {
    const { one, names } = make(kind);
    await Promise.all([one.start(), one.start()]);
    await one.start();
    expect(one.state).toBe('running');
    await one.stop();
    expect(await names()).toEqual([]);
  });

  it('that is told to stop at once leaves nothing, and its start resolves', async () => {
    const { one, names } = make(kind);
    const started = one.start();
    await one.stop();
    await started;
    expect(one.state).toBe('stopped');
    expect(await names()).toEqual([]);
  });

  it('that was stopped is refused a second start, also where it never had a first', async () => {
    const { one } = make(kind);
    const { one: other } = make(kind);
    await one.start();
    const stopped = one.stop();
    for (const refusal of [one.start(), other.stop().then(() => other.start())])
      expect(await rejection(refusal)).toMatchObject({
        name: 'StartupError',
        message: expect.stringMatching(
          /^(worker|beat) \S+ was stopped and cannot be started again; make a new one$/,
        ) as string,
      });
    await Promise.all([stopped, one.stop(), other.stop()]);
  });

  it('stops when its App is closed, and does not start on one that is', async () => {
    const { app, one, names } = make(kind);
    const late = kinds[kind](app);
    await one.start();
    await app.close();
    await until('it has stopped', () => one.state === 'stopped');
    expect(await names()).toEqual([]);
    expect(await rejection(late.start())).toMatchObject({
      name: 'StartupError',
      message: expect.stringMatching(/its App is closed/) as string,
    });
    await Promise.all([one.stop(), late.stop()]);
  });

  it(
    'has in any order an end in time, leaves nothing, and lets its process end: Redis there, away, frozen',
    { timeout: 120_000 },
    async () => {
      const seed = Math.trunc(Math.random() * 2 ** 31);
      const program = startProgram('orders.mjs', kind, String(seed), '25');
      const ended = await program.end(110_000);
      expect({ ...ended, seed, said: program.stderr }).toEqual({
        code: 0,
        signal: null,
        seed,
        said: '',
      });
    },
  );
});

describe('a worker', () => {
  it('that stops is hurried by a second stop, with force', async () => {
    const { app, one } = make('worker');
    const begun = new Gate();
    app.task('held', () => {
      begun.open();
      return new Promise(() => undefined);
    });
    await one.start();
    const call = await app.sendTask('held');
    await begun.passed;
    const warm = one.stop();
    await one.stop({ force: true });
    await warm;
    expect(one.state).toBe('stopped');
    expect(await call.state()).toBe('PENDING');
  });

  it.each<[string, WorkerOptions, string]>([
    ['a shard that there is not', { onlyShards: ['7'] }, "must name some of the app's 1 shards"],
    ['children without a module', { pool: 'threads' }, 'say which module exports it'],
  ])('that cannot start leaves nothing: %s', async (_what, options, message) => {
    const stage = setStage(engine.url);
    const worker = new Worker(stage.app, { name: 'refused', logLevel: 'silent', ...options });
    const error = await rejection(worker.start());
    expect(error).toMatchObject({ name: 'ConfigError' });
    expect(error.message).toContain(message);
    expect(worker.state).toBe('failed');
    expect(worker.failure).toBe(error);
    await worker.ended;
    expect(await rejection(worker.start())).toBe(error);
    await worker.stop();
    expect(await stage.redis.keys(`${stage.prefix}:w:*`)).toEqual([]);
    expect(await named(stage)).toEqual([]);
  });

  it('whose start fails behind its claim gives the name up, tells its hooks, and leaves nothing', async () => {
    const stage = setStage(engine.url);
    const { app, redis, prefix } = stage;
    const heard: string[] = [];
    for (const hook of [
      'workerInit',
      'workerProcessInit',
      'workerProcessShutdown',
      'workerShutdown',
    ] as const)
      app.on(hook, () => void heard.push(hook));
    app.task('broken', () => 0, { pool: 'processes' });
    const module = new URL('there-is-none.mjs', import.meta.url);
    const worker = new Worker(app, { name: 'broken', logLevel: 'silent', module });
    expect(await rejection(worker.start())).toMatchObject({ name: 'StartupError' });
    expect(await redis.keys(`${prefix}:w:*`)).toEqual([]);
    expect(await named(stage)).toEqual([]);
    expect(heard).toEqual([
      'workerInit',
      'workerProcessInit',
      'workerProcessShutdown',
      'workerShutdown',
    ]);
  });
});

/** One that is not started, on an App of its own, and what gives the names of its connections. */
function make<K extends keyof typeof kinds>(kind: K) {
  const stage = setStage(engine.url);
  const app = new App('orders', { broker: engine.url, prefix: stage.prefix, beat: {} });
  const one = kinds[kind](app) as ReturnType<(typeof kinds)[K]>;
  onTestFinished(async () => {
    await one.stop({ force: true });
    await app.close();
  });
  return { app, one, names: () => named(stage) };
}

/** The connections of workers and beats; those of a thread that was ended go a moment later. */
async function named({ redis }: Stage): Promise<string[]> {
  const look = async (): Promise<string[]> =>
    ((await redis.client('LIST')) as string).match(/name=dtask:(?!caller)\S+/g) ?? [];
  return until('none is left', async () => (await look()).length === 0, 5_000).then(
    () => [],
    () => look(),
  );
}
