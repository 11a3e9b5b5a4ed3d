/** Tasks and results over several servers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chain, chord, group } from 'dtask';
import { ShardServers, workerOf } from '../support/shard-servers.js';

let servers: ShardServers;
beforeAll(async () => {
  servers = await ShardServers.start(2);
});
afterAll(() => servers[Symbol.asyncDispose]());

test('tasks are spread over the servers, and each gives its result', async () => {
  const app = servers.app();
  const double = app.task('double', (n: number) => n * 2);
  const sent = await Promise.all(Array.from({ length: 40 }, (_, n) => double.delay(n)));
  const waiting = await Promise.all(servers.shards.map((one) => servers.keysOf(app, one)));
  for (const { id } of sent) {
    // Nothing of a task is on two servers.
    expect(waiting.filter((keys) => keys.some((key) => key.includes(id)))).toHaveLength(1);
  }
  for (const keys of waiting)
    expect(keys.filter((key) => sent.some(({ id }) => key.includes(id))).length).toBeGreaterThan(5);
  expect((await servers.keysOf(app, servers.main)).filter((key) => key.includes('{'))).toEqual([]);
  expect(await app.queues.counts('default')).toMatchObject({ waiting: 40 });
  const early = Promise.all(sent.map((result) => result.get()));
  await workerOf(app);
  expect(await early).toEqual(Array.from({ length: 40 }, (_, n) => n * 2));
  expect(await double.delay(21).get()).toBe(42);
  expect(await app.queues.counts('default')).toMatchObject({ waiting: 0, active: 0 });
});

test('chains, groups and chords go over the servers', async () => {
  const app = servers.app();
  const add = app.task('add', (a: number, b: number) => a + b);
  const sum = app.task('sum', (all: number[]) => all.reduce((one, other) => one + other, 0));
  await workerOf(app);
  expect(await chain(add.s(1, 2), add.s(3), add.s(4), add.s(5)).delay().get()).toBe(15);
  const thousand = Array.from({ length: 1_000 }, (_, n) => add.s(n, 1));
  expect(
    await group(...thousand)
      .delay()
      .get(),
  ).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 1));
  expect(
    await chord([add.s(1, 1), add.s(2, 2), add.s(3, 3)], sum.s())
      .delay()
      .get(),
  ).toBe(12);
});
