/** What is of all tasks of an App, in a cluster: control, limits, events, periodic tasks, what is broadcast. */
import { currentTask } from 'dtask';
import { Beat } from 'dtask/worker';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { needsServer, RedisCluster } from '../support/redis-cluster.js';
import { nativeServer } from '../support/server-process.js';
import { idOn, workerOf } from '../support/shard-servers.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe.skipIf(!nativeServer)(`in a cluster (${needsServer})`, () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  test.each([{ shards: 6 }, { shards: [] }])(
    'workers answer, and tasks are revoked, with shards: $shards',
    async ({ shards }) => {
      const app = cluster.app({ shards });
      const gate = new Gate();
      const hold = app.task('hold', async () => {
        await gate.passed;
        currentTask().signal.throwIfAborted();
      });
      const ids = range(12).map((n) => (shards === 6 ? idOn(app, n % 6) : `task-${n}`));
      const sent = await Promise.all(ids.map((id) => hold.applyAsync([], { id })));
      expect(await app.control.revoke(ids.slice(0, 6))).toMatchObject({ removed: 6, running: 0 });
      await workerOf(app, { name: 'one' });
      await eventually(async () => Object.values(await app.inspect.active()).flat().length).toBe(6);
      expect(await app.inspect.ping()).toEqual({ one: { ok: 'pong' } });
      expect(await app.control.revoke(ids.slice(6))).toMatchObject({ removed: 0, running: 6 });
      gate.open();
      for (const result of sent)
        await expect(result.get()).rejects.toMatchObject({ code: 'TASK_REVOKED' });
      await app.control.revokeByHeaders({ tenant: 'acme' });
      const late = await hold.applyAsync([], { headers: { tenant: 'acme' } });
      await expect(late.get()).rejects.toMatchObject({ code: 'TASK_REVOKED' });
    },
  );

  test('failed tasks are listed, retried and dropped', async () => {
    const app = cluster.app();
    let broken = true;
    const shaky = app.task('shaky', (n: number) => {
      if (broken) throw new Error(`no ${n}`);
      return n;
    });
    await workerOf(app);
    const ids = range(6).map((shard) => idOn(app, shard));
    const sent = await Promise.all(ids.map((id, n) => shaky.applyAsync([n], { id })));
    for (const result of sent) await result.get({ propagate: false });
    await eventually(() => app.failed.count()).toBe(6);
    broken = false;
    expect(await app.failed.drop(ids[0] as string)).toBe(true);
    expect(await app.failed.retry({})).toEqual({ retried: 5, damaged: 0 });
    for (const [n, id] of ids.entries()) if (n > 0) expect(await app.result(id).get()).toBe(n);
  });

  test('events tell of the tasks of all nodes', async () => {
    const app = cluster.app({ sendEvents: true });
    const add = app.task('add', (a: number, b: number) => a + b);
    await workerOf(app, { events: true });
    const ids = new Set(range(6).map((shard) => idOn(app, shard)));
    for (const id of ids) await add.applyAsync([1, 2], { id }).get();
    for await (const event of app.events({ types: ['task-succeeded'], since: '1m' })) {
      ids.delete(event.id);
      if (ids.size === 0) break;
    }
  });

  test('limits hold, and can be changed', async () => {
    const app = cluster.app();
    let running = 0;
    let most = 0;
    const one = app.task(
      'one',
      async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running -= 1;
      },
      { maxConcurrency: 1 },
    );
    const slow = app.task('slow', (n: number) => n, { rateLimit: '1/h' });
    await Promise.all([workerOf(app, { name: 'a' }), workerOf(app, { name: 'b' })]);
    await Promise.all(range(12).map((n) => one.applyAsync([], { id: idOn(app, n % 6) }).get()));
    expect(most).toBe(1);
    const sent = await Promise.all(range(3).map((n) => slow.delay(n)));
    await app.control.rateLimit('slow', '100/s');
    expect(await Promise.all(sent.map((result) => result.get()))).toEqual([0, 1, 2]);
  });

  test('periodic tasks are sent, and what is broadcast reaches each worker', async () => {
    const app = cluster.app({
      broadcast: ['news'],
      beat: { often: { task: 'often', every: '100ms' } },
    });
    let ticks = 0;
    const told: string[] = [];
    app.task('often', () => void (ticks += 1));
    const tell = app.task('tell', (text: string) => told.push(text), { queue: 'news' });
    await Promise.all([workerOf(app, { name: 'a' }), workerOf(app, { name: 'b' })]);
    const beat = new Beat(app, { logLevel: 'silent' });
    onTestFinished(() => beat.stop());
    await beat.start();
    await eventually(() => ticks).toBeGreaterThan(3);
    expect(await app.beat.list()).toMatchObject([{ name: 'often' }]);
    await tell.delay('hear');
    await eventually(() => told).toEqual(['hear', 'hear']);
  });

  test('a worker does not start beside others that have another number of shards', async () => {
    const app = cluster.app();
    const { prefix } = app.config;
    const worker = await workerOf(app, { name: 'six' });
    const alone = cluster.app({ prefix, shards: [] });
    await expect(workerOf(alone, { name: 'alone' })).rejects.toThrow(
      'the number of shards of this worker is none, and that of workers that live is 6',
    );
    await worker.stop();
    await workerOf(alone, { name: 'alone' });
    await expect(workerOf(cluster.app({ prefix, shards: 3 }), { name: 'three' })).rejects.toThrow(
      'the number of shards of this worker is 3, and that of workers that live is none',
    );
  });

  test('a worker may serve some of the shards alone', async () => {
    const app = cluster.app({ shards: 2 });
    const where = app.task('where', () => currentTask().worker);
    await workerOf(app, { name: 'first', onlyShards: ['0'] });
    await workerOf(app, { name: 'second', onlyShards: ['1'] });
    for (const n of range(4)) {
      const result = await where.applyAsync([], { id: idOn(app, n % 2) });
      expect(await result.get()).toBe(n % 2 === 0 ? 'first' : 'second');
    }
  });
});
