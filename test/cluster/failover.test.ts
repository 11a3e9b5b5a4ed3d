/** A node of a cluster that dies: its replica takes over, and callers and workers find it by themselves. */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { needsServer, RedisCluster } from '../support/redis-cluster.js';
import { nativeServer } from '../support/server-process.js';
import { idOn, workerOf } from '../support/shard-servers.js';
import { timed, until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe.skipIf(!nativeServer)(`a primary that hands over to its replica (${needsServer})`, () => {
  test('takes nothing with it, and pushes come as before', { timeout: 60_000 }, async () => {
    await using cluster = await RedisCluster.start({ replicas: true });
    const app = cluster.app({ shards: 3 });
    const double = app.task('double', (n: number) => n * 2);
    await workerOf(app, { name: 'one' });
    const send = (): Promise<number[]> =>
      Promise.all(range(3).map((n) => double.applyAsync([n], { id: idOn(app, n) }).get()));
    expect(await send()).toEqual([0, 2, 4]);
    for (const { redis } of cluster.replicas) {
      const before = double.delay(5);
      await redis.cluster('FAILOVER');
      expect(await before.get()).toBe(10);
      await until('it is the primary', async () => (await redis.role())[0] === 'master');
    }
    await until('all is served', async () => (await send()).length === 3);
    await eventually(async () => Object.keys(await app.inspect.ping())).toEqual(['one']);
    expect(await timed(send)).toBeLessThan(1_000);
  });
});

describe.skipIf(!nativeServer)(`a primary that hangs (${needsServer})`, () => {
  test('is left by all connections once one has noticed', { timeout: 60_000 }, async () => {
    await using cluster = await RedisCluster.start({ replicas: true });
    const app = cluster.app({ shards: [], sendTimeout: '30s' });
    const double = app.task('double', (n: number) => n * 2);
    await workerOf(app, { name: 'one' });
    expect(await double.delay(1).get()).toBe(2);
    const owner = await cluster.ownerOf(app.queues.shards.main.slot ?? -1);
    owner.pause();
    const first = await double.delay(2);
    // The others would each wait for seconds until they take it for dead.
    expect(await timed(() => first.get())).toBeLessThan(3_000);
    expect(await timed(() => double.delay(3).get())).toBeLessThan(3_000);
    owner.resume();
    expect(await double.delay(4).get()).toBe(8);
    await eventually(async () => Object.keys(await app.inspect.ping())).toEqual(['one']);
  });
});

describe.skipIf(!nativeServer)(`a primary that was killed (${needsServer})`, () => {
  test(
    'is replaced by its replica, tasks of all shards go on, and none is lost',
    { timeout: 90_000 },
    async () => {
      await using cluster = await RedisCluster.start({ replicas: true });
      const app = cluster.app({ sendTimeout: '30s' });
      const env = {
        DTASK_BROKER_URL: cluster.url,
        DTASK_SHARDS: '6',
        DTASK_PREFIX: app.config.prefix,
      };
      await startWorker({ env, flags: ['-c', '4', '-n', 'first'] });
      await startWorker({ env, flags: ['-c', '2', '-n', 'second', '-P', 'processes'] });
      const values: Promise<unknown>[] = [];
      const send = async (): Promise<void> => {
        const n = values.length;
        values.push(app.sendTask('echo', [n]).get({ timeout: '60s' }));
        await delay(5);
      };
      while (values.length < 100) await send();
      const [killed] = cluster.primaries;
      const slot = 0;
      const before = await cluster.ownerOf(slot);
      expect(before).toBe(killed);
      await killed?.kill();
      const [, other] = cluster.primaries;
      const promoted = cluster.replicas[0];
      await until(
        'the replica was promoted',
        async () => {
          await send();
          const ranges = (await other?.redis.cluster('SLOTS')) ?? [];
          return ranges.some(([from, , owner]) => from === slot && owner?.[1] === promoted?.port);
        },
        20_000,
      );
      const after = values.length;
      while (values.length < after + 100) await send();
      expect(await Promise.all(values)).toEqual(values.map((_, n) => n));
      const pong = { ok: 'pong' };
      await eventually(() => app.inspect.ping()).toEqual({ first: pong, second: pong });
    },
  );

  test(
    'was that of everything: control and claims go on at its replica',
    { timeout: 90_000 },
    async () => {
      await using cluster = await RedisCluster.start({ replicas: true });
      const app = cluster.app({ shards: [], sendTimeout: '30s' });
      const add = app.task('add', (a: number, b: number) => a + b);
      await workerOf(app, { name: 'one' });
      expect(await add.delay(1, 2).get()).toBe(3);
      const { slot } = app.queues.shards.main;
      const owner = await cluster.ownerOf(slot ?? -1);
      await owner.kill();
      expect(await add.delay(2, 2).get({ timeout: '30s' })).toBe(4);
      // What is asked before the worker hears again is missed.
      await eventually(async () => Object.keys(await app.inspect.ping())).toEqual(['one']);
      expect(await app.control.revokeByHeaders({ tenant: 'acme' })).toMatchObject({ removed: 0 });
    },
  );
});
