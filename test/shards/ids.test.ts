/** Ids of canvases whose tasks live on several servers: what is known of them, revoking, loss. */
import { type App, chain, chord, type GroupResult, group, TaskRevokedError } from 'dtask';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rejection } from '../support/until.js';
import { ShardServers, workerOf } from '../support/shard-servers.js';

let servers: ShardServers;
beforeAll(async () => {
  servers = await ShardServers.start(3);
});
afterAll(() => servers[Symbol.asyncDispose]());

function pair() {
  const app = servers.app();
  const other = servers.app({ prefix: app.config.prefix });
  const ran: string[] = [];
  const run = app.task('run', (given: unknown, mark?: string) => {
    ran.push(mark ?? String(given));
    return mark ?? given;
  });
  return { app, other, ran, run };
}

const shardsOf = (app: App, ids: readonly string[]): number =>
  new Set(ids.map((id) => app.queues.shards.of(id).index)).size;

test('steps are known on whichever server they will be, and the whole canvas is revoked by its id', async () => {
  const { app, other, ran, run } = pair();
  const steps = Array.from({ length: 12 }, (_, at) => run.s(`${at}`));
  const line = await chain(run.s('first'), ...steps).delay();
  const joined = await chord(
    Array.from({ length: 12 }, (_, at) => chain(run.s(`part ${at}`), run.s('behind'))),
    run.s('body'),
  ).delay();
  const ids: string[] = [];
  for (let at: typeof line | undefined = line; at; at = at.parent as typeof line | undefined)
    ids.unshift(at.id);
  expect(shardsOf(app, ids)).toBe(3);
  const later = [...ids.slice(1), joined.id];
  later.push(...(joined.parent as GroupResult).results.map(({ id }) => id));
  for (const id of later) expect([id, await other.result(id).state()]).toEqual([id, 'WAITING']);
  const last = ids.at(-2) ?? '';
  expect(await other.control.revoke(last)).toMatchObject({ removed: 1 });
  expect(await other.result(joined.id).revoke()).toBe(true);
  await workerOf(app);
  for (const id of [last, line.id, joined.id])
    expect(await rejection(other.result(id).get())).toBeInstanceOf(TaskRevokedError);
  expect(ran).toEqual(['first', ...steps.slice(0, -2).map((_, at) => `${at}`)]);
});

test('a chain that goes from server to server is not taken for lost', async () => {
  const { app, other, run } = pair();
  await workerOf(app);
  const result = await chain(
    run.s('first'),
    ...Array.from({ length: 60 }, (_, at) => run.s(`${at}`)),
  ).delay();
  for (;;) {
    const state = await other.result(result.id).state();
    expect(state).not.toBe('UNKNOWN');
    if (state === 'SUCCESS') break;
  }
});

test('who waits is told when the servers lose their data', { timeout: 60_000 }, async () => {
  const { app, other, run } = pair();
  const line = await chain(run.s('a'), run.s('b'), run.s('c')).delay();
  const joined = await chord([run.s('a'), run.s('b')], run.s('c')).delay();
  const parts = await group(run.s('a'), run.s('b'), run.s('c')).delay();
  const waits = [line, joined].flatMap(({ id }) => [
    rejection(app.result(id).get()),
    rejection(other.result(id).get()),
  ]);
  waits.push(rejection(line.get()), rejection(joined.get()), rejection(parts.get()));
  for (const { id } of [line, joined])
    await expect(other.result(id).get({ timeout: 10 })).rejects.toThrow('it is WAITING');
  for (const url of [servers.main.url, ...servers.urls]) {
    const redis = new Redis(url);
    await redis.flushall();
    redis.disconnect();
  }
  for (const error of await Promise.all(waits)) expect(error).toBeInstanceOf(TaskRevokedError);
  for (const { id } of [line, joined]) expect(await other.result(id).exists()).toBe(false);
});
