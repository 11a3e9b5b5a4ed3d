/** Slots of a cluster that move to another node: callers and workers find them by themselves. */
import { type App, currentTask } from 'dtask';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { type ClusterNode, needsServer, RedisCluster } from '../support/redis-cluster.js';
import { nativeServer } from '../support/server-process.js';
import { idOn, workerOf } from '../support/shard-servers.js';
import { timed } from '../support/until.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe.skipIf(!nativeServer)(`a slot that moves (${needsServer})`, () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  /** A node that does not have a slot. */
  const otherThan = async (slot: number): Promise<ClusterNode> => {
    const owner = await cluster.ownerOf(slot);
    return cluster.primaries.find((one) => one !== owner) as ClusterNode;
  };
  const slotsOf = (app: App): number[] =>
    app.queues.shards.places.map(({ slot }) => slot as number);
  const moveAll = async (app: App): Promise<void> => {
    for (const slot of slotsOf(app)) await cluster.move(slot, await otherThan(slot));
  };

  test('before anything was in it takes what is sent from then on', async () => {
    const app = cluster.app({ shards: [] });
    const add = app.task('add', (a: number, b: number) => a + b);
    // The connection to its first node is open by then.
    expect(await app.queues.names()).toEqual([]);
    await moveAll(app);
    const sent = await add.delay(1, 2);
    await workerOf(app);
    expect(await sent.get()).toBe(3);
    const owner = await cluster.ownerOf(slotsOf(app)[0] as number);
    expect(await owner.keys(app.config.prefix)).toContain(`{${app.config.prefix}}:r:${sent.id}`);
  });

  test('while workers are stopped takes its tasks and results along', async () => {
    const app = cluster.app({ shards: 3 });
    const double = app.task('double', (n: number) => n * 2);
    const worker = await workerOf(app);
    const before = await Promise.all(range(12).map((n) => double.delay(n)));
    expect(await Promise.all(before.map((one) => one.get()))).toEqual(range(12).map((n) => n * 2));
    await worker.stop();
    const sent = await Promise.all(range(30).map((n) => double.delay(n)));
    const waiting = Promise.all(sent.map((one) => one.get()));
    await moveAll(app);
    expect(await app.queues.counts('default')).toMatchObject({ waiting: 30 });
    await workerOf(app);
    expect(await waiting).toEqual(range(30).map((n) => n * 2));
    for (const [n, { id }] of before.entries()) expect(await app.result(id).get()).toBe(n * 2);
  });

  test('under workers that are idle takes tasks, pushes and control along', async () => {
    const app = cluster.app({ shards: 3 });
    const gate = new Gate();
    const double = app.task('double', (n: number) => n * 2);
    const held = app.task('held', async () => {
      const { signal } = currentTask();
      await gate.passed;
      signal.throwIfAborted();
    });
    await workerOf(app, { name: 'one' });
    const ids = range(3).map((shard) => idOn(app, shard));
    const send = (): Promise<number[]> =>
      Promise.all(range(3).map((n) => double.applyAsync([n], { id: idOn(app, n) }).get()));
    expect(await send()).toEqual([0, 2, 4]);
    await eventually(async () => (await app.queues.counts('default')).active).toBe(0);
    await moveAll(app);
    expect(await send()).toEqual([0, 2, 4]);
    await eventually(async () => Object.keys(await app.inspect.ping())).toEqual(['one']);
    // By now all hear again, and a push is there long before anybody looks at a key.
    expect(await timed(send)).toBeLessThan(1_000);
    const running = ids.map((id) => held.applyAsync([], { id }));
    await eventually(async () => Object.values(await app.inspect.active()).flat().length).toBe(3);
    expect(await app.control.revoke(ids)).toMatchObject({ running: 3 });
    gate.open();
    for (const one of running)
      await expect(one.get()).rejects.toMatchObject({ code: 'TASK_REVOKED' });
  });

  test('is waited for where it is half-way, and a call is there once', async () => {
    const app = cluster.app({ shards: [] });
    const double = app.task('double', (n: number) => n * 2);
    const first = await double.delay(1);
    const [slot] = slotsOf(app) as [number];
    let late: Promise<unknown> | undefined;
    await cluster.move(slot, await otherThan(slot), async () => {
      late = double.delay(2).get();
      // Some of its keys are at the other node, so no script can run at either.
      const owner = await cluster.ownerOf(slot);
      await eventually(() => refusals(owner)).toBeGreaterThan(0);
    });
    expect(await app.queues.counts('default')).toMatchObject({ waiting: 2 });
    await workerOf(app);
    expect(await Promise.all([first.get(), late])).toEqual([2, 4]);
  });

  test('to nobody makes a call fail in time, and it is not sent later', async () => {
    const app = cluster.app({ shards: [], sendTimeout: '1s' });
    const double = app.task('double', (n: number) => n * 2);
    await double.delay(1);
    const [slot] = slotsOf(app) as [number];
    const owner = await cluster.ownerOf(slot);
    const other = await otherThan(slot);
    // Each of the two says that the other one has it.
    await other.redis.cluster('SETSLOT', slot, 'NODE', await owner.id());
    await owner.redis.cluster('SETSLOT', slot, 'MIGRATING', await other.id());
    const refused = double.delay(2);
    await expect(refused).rejects.toMatchObject({ code: 'BROKER' });
    await expect(refused).rejects.toThrow(
      /within 1s \(sendTimeout\).*(?:ASK|TRYAGAIN|non local key)/,
    );
    await owner.redis.cluster('SETSLOT', slot, 'STABLE');
    await double.delay(3);
    expect(await app.queues.counts('default')).toMatchObject({ waiting: 2 });
  });
});

/** How many commands a node has refused because of their slot. */
async function refusals(node: ClusterNode): Promise<number> {
  const info = await node.redis.info('errorstats');
  return [...info.matchAll(/^errorstat_(?:ASK|TRYAGAIN):count=(\d+)/gm)]
    .map(([, count]) => Number(count))
    .reduce((one, other) => one + other, 0);
}
