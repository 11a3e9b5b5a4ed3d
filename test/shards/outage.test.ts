/** A server of several that goes away takes its own tasks with it for that time, and no others. */
import { chain } from 'dtask';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { hasNative, needsNative } from '../support/engine.js';
import { idOn, ShardServers, workerOf } from '../support/shard-servers.js';

describe.skipIf(!hasNative)(`a shard that is away (${needsNative})`, () => {
  let servers: ShardServers;
  let away = false;
  beforeAll(async () => {
    servers = await ShardServers.start(2, { keep: true });
  });
  afterEach(async () => {
    if (away) await comeBack();
  });
  afterAll(() => servers[Symbol.asyncDispose]());

  const goAway = async (): Promise<void> => {
    await servers.shards[1]?.kill();
    away = true;
  };
  const comeBack = async (): Promise<void> => {
    away = false;
    await servers.shards[1]?.back();
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
    await goAway();
    expect(await double.applyAsync([2], { id: idOn(app, 0) }).get()).toBe(4);
    await worker.stop();
    expect(worker.running).toBe(0);
  });
});
