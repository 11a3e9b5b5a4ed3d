/** Tasks, results and canvases over a Redis Cluster, and where in it all of that is. */
import { randomUUID } from 'node:crypto';
import { App, chain, chord, group } from 'dtask';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { runDtask } from '../support/dtask-process.js';
import { needsServer, RedisCluster } from '../support/redis-cluster.js';
import { nativeServer } from '../support/server-process.js';
import { idOn, workerOf } from '../support/shard-servers.js';
import { Trace } from '../support/trace.js';
import { startWorker } from '../support/worker-process.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const doubled = (count: number): number[] => range(count).map((n) => n * 2);
const total = (all: number[]): number => all.reduce((one, other) => one + other, 0);

describe.skipIf(!nativeServer)(`a cluster (${needsServer})`, () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await RedisCluster.start();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  test('runs tasks, results and canvases over its three nodes', async () => {
    const app = cluster.app();
    const add = app.task('add', (a: number, b: number) => a + b);
    const sum = app.task('sum', total);
    const double = app.task('double', (n: number) => n * 2);
    await workerOf(app);
    const sent = await Promise.all(range(60).map((n) => double.delay(n)));
    expect(await Promise.all(sent.map((one) => one.get()))).toEqual(doubled(60));
    expect(await chain(add.s(1, 2), add.s(3), add.s(4)).delay().get()).toBe(10);
    const parts = range(50).map((n) => add.s(n, 1));
    const saved = await group(...parts).delay();
    expect(await saved.get()).toEqual(range(50).map((n) => n + 1));
    await saved.save();
    expect(await chord(parts, sum.s()).delay().get()).toBe(1_275);
    const values: number[] = [];
    for await (const value of double.map(range(200), { chunkSize: 10 })) values.push(value);
    expect(values).toEqual(doubled(200));
    for (const node of cluster.primaries) {
      const keys = await node.keys(app.config.prefix);
      expect(keys.filter((key) => key.includes(':r:')).length).toBeGreaterThan(10);
    }
    const other = cluster.app({ prefix: app.config.prefix });
    expect(await (await other.groupResult(saved.id)).completedCount()).toBe(50);
  });

  test('has an App without shards in one slot', async () => {
    const app = cluster.app({ shards: [] });
    const add = app.task('add', (a: number, b: number) => a + b);
    await workerOf(app);
    const parts = range(20).map((n) => add.s(n, 1));
    expect(await chord(parts, app.task('sum', total).s()).delay().get()).toBe(210);
    const { slot } = app.queues.shards.main;
    const owner = await cluster.ownerOf(slot as number);
    for (const node of cluster.primaries) {
      const keys = await node.keys(app.config.prefix);
      expect(keys.length > 0).toBe(node === owner);
      for (const key of keys) expect(await node.redis.cluster('KEYSLOT', key)).toBe(slot);
    }
  });

  test('has all keys of a task in the slot of its shard, and the shards on nodes in turn', async () => {
    const app = cluster.app({ shards: 6 });
    const failing = app.task('failing', () => {
      throw new Error('no');
    });
    const { shards } = app.queues;
    for (const [at, { slot }] of shards.all.entries()) {
      const owner = cluster.primaries.indexOf(await cluster.ownerOf(slot as number));
      expect(owner).toBe(Math.floor(at / 2));
    }
    await workerOf(app);
    const ids = range(6).map((at) => idOn(app, at));
    for (const id of ids) {
      await expect(failing.applyAsync([], { id }).get()).rejects.toThrow('no');
      await eventually(() => app.failed.show(id)).toMatchObject({ id });
      const { slot } = shards.of(id);
      let found = 0;
      for (const node of cluster.primaries) {
        for (const key of (await node.keys(app.config.prefix)).filter((one) => one.includes(id))) {
          expect(await node.redis.cluster('KEYSLOT', key)).toBe(slot);
          found += 1;
        }
      }
      expect(found).toBe(2);
    }
  });

  test('has pushes stay on the node of their task', async () => {
    const app = cluster.app({ shards: 3 });
    const double = app.task('double', (n: number) => n * 2);
    await workerOf(app, { name: 'one' });
    const send = (n: number): Promise<number> =>
      double.applyAsync([n], { id: idOn(app, n % 3) }).get();
    await Promise.all(range(3).map(send));
    await Promise.all(cluster.nodes.map(({ redis }) => redis.config('RESETSTAT')));
    for (const n of range(30)) expect(await send(n)).toBe(n * 2);
    expect(Object.keys(await app.inspect.ping())).toEqual(['one']);
    const pushed = await Promise.all(cluster.primaries.map((node) => node.calls('spublish')));
    for (const count of pushed) expect(count).toBeGreaterThanOrEqual(10);
    // One for each task, one for the request to the worker, one for its answer.
    expect(total(pushed)).toBe(32);
    for (const node of cluster.primaries) expect(await node.calls('publish')).toBe(0);
    const bus = await Promise.all(
      cluster.primaries.map(async ({ redis }) => String(await redis.cluster('INFO'))),
    );
    for (const info of bus) expect(info).not.toMatch(/messages_publish_sent:[1-9]/);
  });

  test.each([0, 3])(
    'has the tasks of a killed worker run again within seconds, though locks hold for minutes: %i shards',
    { timeout: 60_000 },
    async (count) => {
      using trace = new Trace();
      const app = cluster.app({ shards: count === 0 ? [] : count });
      const env = {
        DTASK_BROKER_URL: cluster.url,
        ...(count > 0 && { DTASK_SHARDS: String(count) }),
        DTASK_PREFIX: app.config.prefix,
        TRACE_DIR: trace.dir,
      };
      const flags = ['-c', '3', '--lock-duration', '5m'];
      const killed = await startWorker({ env, flags });
      const ids = range(3).map((at) => (count === 0 ? randomUUID() : idOn(app, at)));
      const calls = ids.map((id, x) => app.sendTask('gated', ['kill', x], { id }));
      await trace.started('kill', 3);
      await startWorker({ env, flags });
      await killed.kill();
      await trace.started('kill', 6);
      trace.open('kill');
      const values = await Promise.all(calls.map((call) => call.get({ timeout: '30s' })));
      expect(values).toMatchObject(range(3).map((x) => ({ square: x * x })));
    },
  );

  test('tells a process that waits for the tasks of another', async () => {
    const app = cluster.app();
    const add = app.task('add', (a: number, b: number) => a + b);
    const other = cluster.app({ prefix: app.config.prefix });
    const ids = range(6).map((at) => idOn(app, at));
    await Promise.all(ids.map((id) => add.applyAsync([1, 2], { id })));
    const waiting = Promise.all(ids.map((id) => other.result(id).get()));
    await workerOf(app);
    expect(await waiting).toEqual(ids.map(() => 3));
  });

  test('takes a user and a password, and says so where they are wrong', async () => {
    for (const { redis } of cluster.nodes)
      await redis.acl('SETUSER', 'shop', 'on', '>s@cret', '~*', '&*', '+@all');
    const as = (password: string): string =>
      cluster.url.replace('://', `://shop:${encodeURIComponent(password)}@`);
    const app = cluster.app({ broker: as('s@cret') });
    const add = app.task('add', (a: number, b: number) => a + b);
    await workerOf(app);
    expect(await add.delay(1, 2).get()).toBe(3);
    const wrong = new App('wrong', { broker: as('other'), sendTimeout: '1s' });
    onTestFinished(() => wrong.close());
    const refused = wrong.sendTask('add', [1, 2]);
    await expect(refused).rejects.toThrow('WRONGPASS');
    await expect(refused).rejects.not.toThrow('other');
  });

  test('that is none, or that does not answer, is named', async () => {
    const [node] = cluster.primaries;
    const gone = await RedisCluster.start();
    await gone[Symbol.asyncDispose]();
    const app = new App('lost', { broker: gone.url, sendTimeout: '1s' });
    onTestFinished(() => app.close());
    await expect(app.sendTask('add', [1, 2])).rejects.toThrow(
      `Redis at ${gone.url} does not answer: none of the cluster's nodes says where it is (127.0.0.1:`,
    );
    // One seed of several is enough.
    const half = cluster.app({ broker: `${gone.url},127.0.0.1:${node?.port}` });
    await half.sendTask('add', [1, 2]);
    expect(await half.queues.counts('default')).toMatchObject({ waiting: 1 });
  });

  test('serves the command line: worker, status, call, failed, queues and beat', async () => {
    const { prefix } = cluster.app().config;
    const env = { DTASK_BROKER_URL: cluster.url, DTASK_SHARDS: '3', DTASK_PREFIX: prefix };
    await startWorker({ env, flags: ['-n', 'one', '-c', '2'] });
    const run = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runDtask([...args, '-A', 'faults/app.ts'], { env });
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
      return stdout;
    };
    expect(await run('call', 'echo', 'hello', '--wait')).toContain('hello');
    expect(await run('status')).toContain('one');
    expect(await run('queues')).toContain('default');
    const report = await run('report');
    expect(report).toContain(cluster.url);
    expect(report).toMatch(new RegExp(`slots +${prefix}\\{0\\.1\\} 1598, .*\\{${prefix}\\} \\d+`));
    await run('beat', '--plan');
    const failed = await runDtask(['call', 'fail', 'no', '--wait', '-A', 'faults/app.ts'], { env });
    expect(failed.code).toBe(1);
    await eventually(() => run('failed', 'list')).toContain('fail');
  });
});
