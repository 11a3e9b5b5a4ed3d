/** Tasks, results and canvases over several servers, and what stands in each of them. */
import { App, chain, chord, currentTask, group } from 'dtask';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { idOn, ShardServers, workerOf } from '../support/shard-servers.js';

let servers: ShardServers;
beforeAll(async () => {
  servers = await ShardServers.start(2);
});
afterAll(() => servers[Symbol.asyncDispose]());

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** The keys of each shard that have one of the ids in them. */
async function keysOf(app: App, ids: readonly string[]): Promise<string[][]> {
  const all = await Promise.all(servers.shards.map((one) => servers.keysOf(app, one)));
  return all.map((keys) => keys.filter((key) => ids.some((id) => key.includes(id))));
}

test('tasks are spread over the servers, and nothing of one is on two', async () => {
  const app = servers.app();
  const double = app.task('double', (n: number) => n * 2);
  const sent = await Promise.all(range(40).map((n) => double.delay(n)));
  const ids = sent.map(({ id }) => id);
  const waiting = await keysOf(app, ids);
  expect(waiting.flat()).toHaveLength(40);
  for (const keys of waiting) expect(keys.length).toBeGreaterThan(5);
  expect(await app.queues.counts('default')).toMatchObject({ waiting: 40 });

  const early = Promise.all(sent.map((result) => result.get()));
  await workerOf(app);
  expect(await early).toEqual(range(40).map((n) => n * 2));

  await eventually(async () => (await app.queues.counts('default')).active).toBe(0);
  const records = await keysOf(app, ids);
  expect(records.flat().sort()).toEqual(ids.map((id) => `${app.config.prefix}:r:${id}`).sort());
  for (const [at, keys] of records.entries()) expect(keys).toHaveLength(waiting[at]?.length ?? 0);
  // On the server of all there is nothing of a task.
  const main = await servers.keysOf(app, servers.main);
  expect(main.filter((key) => ids.some((id) => key.includes(id)))).toEqual([]);
});

test('another process finds a result by its id alone', async () => {
  const app = servers.app();
  const other = servers.app({ prefix: app.config.prefix });
  const add = app.task('add', (a: number, b: number) => a + b);
  const [one, two] = [0, 1].map((shard) => idOn(app, shard)) as [string, string];
  await Promise.all([one, two].map((id) => add.applyAsync([1, 2], { id })));
  const waiting = Promise.all([one, two].map((id) => other.result(id).get()));
  expect(await other.result(two).state()).toBe('PENDING');
  await workerOf(app);
  expect(await waiting).toEqual([3, 3]);
  expect(await other.result(two).forget()).toBe(true);
  expect(await other.result(two).state()).toBe('UNKNOWN');
});

test('chains, groups of a thousand, chords and retries go over all servers', async () => {
  const app = servers.app();
  const tried = new Map<string, number>();
  const add = app.task('add', (a: number, b: number) => a + b);
  const sum = app.task('sum', (all: number[]) => all.reduce((one, other) => one + other, 0));
  const shaky = app.task(
    'shaky',
    (n: number) => {
      const { id } = currentTask();
      tried.set(id, (tried.get(id) ?? 0) + 1);
      if (tried.get(id) === 1) throw new Error('once');
      return n;
    },
    { maxRetries: 2, retryDelay: 5 },
  );
  const failing = app.task('failing', () => {
    throw new Error('no');
  });
  await workerOf(app);
  expect(await chain(add.s(1, 2), add.s(3), add.s(4), add.s(5)).delay().get()).toBe(15);
  const thousand = await group(...range(1_000).map((n) => add.s(n, 1))).delay();
  expect(await thousand.get()).toEqual(range(1_000).map((n) => n + 1));
  expect(
    await chord(
      range(30).map((n) => shaky.s(n)),
      sum.s(),
    )
      .delay()
      .get(),
  ).toBe(435);
  await expect(
    chord([add.s(1, 1), failing.s()], sum.s())
      .delay()
      .get(),
  ).rejects.toThrow('no');
  const deep = chain(
    group(...range(4).map((n) => chain(add.s(n, 1), group(add.s(1), add.s(2))))),
    app.task('flat', (all: number[][]) => all.flat().length).s(),
  );
  expect(await deep.delay().get()).toBe(8);
  await thousand.save();
  const other = servers.app({ prefix: app.config.prefix });
  expect(await (await other.groupResult(thousand.id)).completedCount()).toBe(1_000);
});

test('a map spreads its chunks, and goes on under its id', async () => {
  const app = servers.app();
  const square = app.task('square', (n: number) => n * n);
  await workerOf(app);
  const values: number[] = [];
  for await (const value of square.map(range(500), { chunkSize: 10, id: 'squares' }))
    values.push(value);
  expect(values).toEqual(range(500).map((n) => n * n));
  const chunks = await Promise.all(servers.shards.map((one) => servers.keysOf(app, one)));
  for (const keys of chunks) expect(keys.some((key) => key.includes(':r:squares~m'))).toBe(true);
  expect(chunks.flat().filter((key) => key.endsWith(':m:squares'))).toHaveLength(1);
});

test('of equal unique calls one is there, whichever ids they got', async () => {
  const app = servers.app();
  const report = app.task('report', (day: string) => day, { unique: { key: (day) => day } });
  const days = range(12).map((n) => `day-${n}`);
  const first = await Promise.all(days.map((day) => report.delay(day)));
  const again = await Promise.all([...days, ...days].map((day) => report.delay(day)));
  expect(again.map(({ id }) => id)).toEqual([...first, ...first].map(({ id }) => id));
  expect(await app.queues.counts('default')).toMatchObject({ waiting: 12 });

  const home = first[0] as (typeof first)[number];
  const shard = app.queues.shards.of(home.id).index;
  const elsewhere = idOn(app, 1 - shard);
  await expect(report.applyAsync(['day-0'], { id: elsewhere })).rejects.toThrow(
    `belongs to shard ${1 - shard} while all calls with its key go to shard ${shard}; leave the id to dtask`,
  );
  const fitting = await report.applyAsync(['day-0'], { id: idOn(app, shard) });
  expect(fitting.id).toBe(home.id);
  await workerOf(app);
  expect(await fitting.get()).toBe('day-0');
});

test('what is broadcast reaches each worker, though it is on the server of all', async () => {
  const app = servers.app({ broadcast: ['news'] });
  const told: string[] = [];
  const tell = app.task('tell', (text: string) => told.push(text), { queue: 'news' });
  const add = app.task('add', (a: number, b: number) => a + b);
  await Promise.all([workerOf(app, { name: 'a' }), workerOf(app, { name: 'b' })]);
  await tell.delay('hear');
  await eventually(() => told).toEqual(['hear', 'hear']);
  expect(await add.delay(1, 2).get()).toBe(3);
});

test('a number of shards is so many cluster slots of the one server', async () => {
  const app = servers.app({ shards: 4 });
  const add = app.task('add', (a: number, b: number) => a + b);
  const sum = app.task('sum', (all: number[]) => all.reduce((one, other) => one + other, 0));
  await workerOf(app);
  const parts = range(100).map((n) => add.s(n, 1));
  expect(await chord(parts, sum.s()).delay().get()).toBe(5_050);
  const redis = new Redis(servers.main.url);
  onTestFinished(() => redis.disconnect());
  const { prefix } = app.config;
  const keys = await redis.keys(`${prefix}*`);
  for (const tag of ['0.1', '1.3', '2.1', '3.3']) {
    const here = keys.filter((key) => key.startsWith(`${prefix}{${tag}}:r:`));
    expect(here.length).toBeGreaterThan(5);
  }
  expect(keys.filter((key) => key.startsWith(`${prefix}:r:`))).toEqual([]);
});

test('of addresses that cannot be shards an App says why', () => {
  const shop = (shards: unknown): App =>
    new App('shop', { broker: 'redis://main', shards } as never);
  expect(() => shop(0)).toThrow('shards must be a whole number from 1 to 1024, or addresses of');
  expect(() => shop([1])).toThrow('shards must be a number of shards or an array of');
  expect(() => shop(['http://x'])).toThrow('shards[0] http://x cannot be used');
  expect(() => shop(['redis://u:secret@a', 'redis://u:secret@a:6379/1'])).toThrow(
    'shards has the server a:6379 twice (redis://u:***@a, redis://u:***@a:6379/1)',
  );
  expect(() => shop(['redis://main/3'])).toThrow(
    "the shard redis://main/3 is on the broker's server (redis://main) in another database",
  );
});
