/** A server of several that goes away takes its own tasks with it for that time, and no others. */
import { chain, currentTask } from 'dtask';
import { Beat } from 'dtask/worker';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { type Engine, hasNative, needsNative } from '../support/engine.js';
import { idOn, ShardServers, workerOf } from '../support/shard-servers.js';
import { Trace } from '../support/trace.js';
import { startWorker } from '../support/worker-process.js';

describe.skipIf(!hasNative)(`a shard that is away (${needsNative})`, () => {
  let servers: ShardServers;
  let away: Engine | undefined;
  beforeAll(async () => {
    servers = await ShardServers.start(2, { keep: true });
  });
  afterEach(async () => {
    await comeBack();
  });
  afterAll(() => servers[Symbol.asyncDispose]());

  const goAway = async (engine = servers.shards[1] as Engine): Promise<void> => {
    away = engine;
    await engine.kill();
  };
  const comeBack = async (): Promise<void> => {
    await away?.back();
    away = undefined;
  };
  const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

  test('stops its own tasks alone, and nothing is lost', async () => {
    const app = servers.app({ sendTimeout: '1.5s' });
    const double = app.task('double', (n: number) => n * 2);
    const later = app.task('later', (n: number) => n, { queue: 'later' });
    const stored = await Promise.all(
      range(10).map((n) => later.applyAsync([n], { id: idOn(app, 1) })),
    );
    await workerOf(app);
    expect(await double.applyAsync([1], { id: idOn(app, 1) }).get()).toBe(2);
    await goAway();
    for (const n of range(5))
      expect(await double.applyAsync([n], { id: idOn(app, 0) }).get()).toBe(n * 2);
    const refused = double.applyAsync([1], { id: idOn(app, 1) });
    await expect(refused).rejects.toMatchObject({ code: 'BROKER' });
    await expect(refused).rejects.toThrow(servers.urls[1]?.replace('/0', '') ?? '');
    await comeBack();
    await eventually(() =>
      double
        .applyAsync([4], { id: idOn(app, 1) })
        .get()
        .catch(() => 0),
    ).toBe(8);
    await workerOf(app, { queues: ['later'], name: 'late' });
    expect(await Promise.all(stored.map((result) => result.get()))).toEqual(range(10));
  });

  test('keeps no worker from starting, which takes its tasks when it is there', async () => {
    const app = servers.app({ sendTimeout: '1.5s' });
    const double = app.task('double', (n: number) => n * 2);
    const [here, there] = [idOn(app, 0), idOn(app, 1)];
    const kept = await double.applyAsync([2], { id: there });
    await goAway();
    await workerOf(app, { httpPort: 0 });
    expect(await double.applyAsync([1], { id: here }).get()).toBe(2);
    await comeBack();
    expect(await kept.get()).toBe(4);
  });

  test('holds a canvas up that has to pass it, and no more', async () => {
    const app = servers.app({ sendTimeout: '1.5s' });
    const add = app.task('add', (a: number, b: number) => a + b);
    await workerOf(app, { concurrency: 2 });
    const chains = range(6).map((n) =>
      chain(add.s(n, 1).set({ id: idOn(app, 0) }), add.s(1).set({ id: idOn(app, 1) })),
    );
    await goAway();
    const sent = await Promise.all(chains.map((one) => one.delay()));
    // More wait for the other server than the worker has slots, and it has room for others still.
    expect(await add.applyAsync([1, 1], { id: idOn(app, 0) }).get({ timeout: '10s' })).toBe(2);
    await comeBack();
    expect(await Promise.all(sent.map((one) => one.get()))).toEqual(range(6).map((n) => n + 2));
  });

  test('lets a worker stop in order', async () => {
    const app = servers.app({ sendTimeout: '1.5s' });
    const double = app.task('double', (n: number) => n * 2);
    const worker = await workerOf(app);
    expect(await double.applyAsync([1], { id: idOn(app, 1) }).get()).toBe(2);
    // Or it would wait for the server, to say that the task has ended.
    await eventually(async () => (await app.queues.counts('default')).active).toBe(0);
    await goAway();
    expect(await double.applyAsync([2], { id: idOn(app, 0) }).get()).toBe(4);
    await worker.stop();
    expect(worker.running).toBe(0);
  });

  test('has no task taken from a queue that was cancelled meanwhile', async () => {
    const app = servers.app({ sendTimeout: '1.5s' });
    const kept = app.task('kept', (n: number) => n, { queue: 'kept' });
    const dropped = app.task('dropped', (n: number) => n, { queue: 'dropped' });
    const waiting = await dropped.applyAsync([1], { id: idOn(app, 1) });
    await goAway();
    const starting = workerOf(app, { queues: ['kept', 'dropped'] });
    expect(await kept.applyAsync([1], { id: idOn(app, 0) }).get()).toBe(1);
    const tell = async (what: 'addConsumer' | 'cancelConsumer', queue: string): Promise<unknown> =>
      Object.values(await app.control[what](queue))[0];
    expect(await tell('cancelConsumer', 'dropped')).toEqual({
      ok: 'no longer consuming from dropped',
    });
    expect(await tell('addConsumer', 'passing')).toEqual({ ok: 'add consumer passing' });
    expect(await tell('addConsumer', 'passing')).toEqual({ ok: 'already consuming from passing' });
    expect(await tell('cancelConsumer', 'passing')).toEqual({
      ok: 'no longer consuming from passing',
    });
    await comeBack();
    const worker = await starting;
    await eventually(() =>
      kept
        .applyAsync([2], { id: idOn(app, 1) })
        .get()
        .catch(() => 0),
    ).toBe(2);
    expect(worker.queues).toEqual(['kept']);
    expect(await app.queues.counts('dropped')).toMatchObject({ waiting: 1 });
    expect(await tell('addConsumer', 'dropped')).toEqual({ ok: 'add consumer dropped' });
    expect(await waiting.get()).toBe(1);
  });

  test('holds up its own ticks of a beat, and no others', async () => {
    const { shards } = servers.app().queues;
    // Equal calls have one shard: that of their key.
    const keyOn = (shard: number): string =>
      range(100)
        .map(String)
        .find((key) => shards.of(`note:${key}`).index === shard) ?? '';
    const [here, there] = [keyOn(0), keyOn(1)];
    const entry = (key: string) => ({ task: 'note', args: [key], every: '150ms' as const });
    const app = servers.app({
      // Far longer than the test waits.
      sendTimeout: '1m',
      beat: { here: entry(here), there: entry(there) },
    });
    const ticks: Record<string, string[]> = { [here]: [], [there]: [] };
    const tickOf = ({ beat }: Readonly<Record<string, unknown>>): string =>
      (beat as { tick: string }).tick;
    app.task('note', (key: string) => ticks[key]?.push(tickOf(currentTask().headers)), {
      unique: { key: (key: string) => key },
    });
    const tried: string[] = [];
    app.use({
      publish: (call, next) => {
        if (call.args[0] === there) tried.push(tickOf(call.headers));
        return next();
      },
    });
    await workerOf(app);
    const beat = new Beat(app, { logLevel: 'silent' });
    onTestFinished(() => beat.stop());
    await beat.start();
    const seen = (key: string): number => ticks[key]?.length ?? 0;
    await eventually(() => Math.min(seen(here), seen(there))).toBeGreaterThan(1);
    await goAway();
    const [before, stuck] = [seen(here), seen(there)];
    await eventually(() => seen(here)).toBeGreaterThan(before + 8);
    // What is on its way is not sent again beside that; once it may have lost its connection.
    expect(tried.length - new Set(tried).size).toBeLessThan(2);
    await comeBack();
    await eventually(() => seen(there)).toBeGreaterThan(stuck + 2);
    for (const key of [here, there]) expect(new Set(ticks[key]).size).toBe(seen(key));
  });

  test('is no matter to tasks where it is the server of all', async () => {
    const app = servers.app({ sendTimeout: '1.5s' });
    const double = app.task('double', (n: number) => n * 2);
    await workerOf(app);
    const both = (n: number): Promise<number[]> =>
      Promise.all([0, 1].map((shard) => double.applyAsync([n], { id: idOn(app, shard) }).get()));
    expect(await both(1)).toEqual([2, 2]);
    await goAway(servers.main);
    expect(await both(2)).toEqual([4, 4]);
    await expect(app.inspect.ping()).rejects.toMatchObject({ code: 'BROKER' });
    await comeBack();
    await eventually(
      async () => Object.keys(await app.inspect.ping().catch(() => ({}))).length,
    ).toBe(1);
  });
});

describe('a worker that is killed', () => {
  test('loses no task of any shard: others run them again', { timeout: 60_000 }, async () => {
    await using servers = await ShardServers.start(2);
    using trace = new Trace();
    const app = servers.app();
    const env = {
      DTASK_BROKER_URL: servers.main.url,
      DTASK_SHARDS: servers.urls.join(','),
      DTASK_PREFIX: app.config.prefix,
      TRACE_DIR: trace.dir,
    };
    // Each server knows of the connections of the dead worker that they are gone.
    const flags = ['-c', '4', '--lock-duration', '5m'];
    const first = await startWorker({ env, flags });
    const ids = [0, 1, 0, 1].map((shard) => idOn(app, shard));
    const calls = ids.map((id, x) => app.sendTask('gated', ['kill', x], { id }));
    await trace.started('kill', 4);
    await startWorker({ env, flags });
    await first.kill();
    trace.open('kill');
    const values = await Promise.all(calls.map((call) => call.get({ timeout: '30s' })));
    expect(values).toMatchObject([0, 1, 2, 3].map((x) => ({ square: x * x })));
    const again = trace.starts('kill').slice(4);
    expect(again.map(({ id }) => id).sort()).toEqual(ids.toSorted());
    await app.close();
  });
});
