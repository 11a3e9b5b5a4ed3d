/** What looks at tasks and changes them sees those of all servers. */
import { currentTask, type ScheduledTask } from 'dtask';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { idOn, ShardServers, workerOf } from '../support/shard-servers.js';

let servers: ShardServers;
beforeAll(async () => {
  servers = await ShardServers.start(2);
});
afterAll(() => servers[Symbol.asyncDispose]());

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

test('tasks are revoked wherever they wait or run', async () => {
  const app = servers.app();
  const gate = new Gate();
  const ended: string[] = [];
  const hold = app.task('hold', async () => {
    const { id, signal } = currentTask();
    signal.addEventListener('abort', () => ended.push(id));
    await gate.passed;
    signal.throwIfAborted();
  });
  const ids = [0, 0, 1, 1].map((shard) => idOn(app, shard)) as [string, string, string, string];
  const waiting = [ids[0], ids[2]];
  const sent = await Promise.all(ids.map((id) => hold.applyAsync([], { id })));
  expect(await app.control.revoke(waiting)).toMatchObject({ removed: 2, running: 0 });
  await workerOf(app);
  const running = [ids[1], ids[3]];
  await eventually(async () => Object.values(await app.inspect.active()).flat().length).toBe(2);
  expect(await app.control.revoke(running)).toMatchObject({ removed: 0, running: 2 });
  await eventually(() => ended.toSorted()).toEqual(running.toSorted());
  gate.open();
  for (const result of sent)
    await expect(result.get()).rejects.toMatchObject({ code: 'TASK_REVOKED' });
});

test('a rule revokes tasks on every server, and those that are sent later', async () => {
  const app = servers.app();
  const mail = app.task('mail', (n: number) => n);
  const headers = { tenant: 'acme' };
  const sent = await Promise.all(range(12).map((n) => mail.applyAsync([n], { headers })));
  const other = await mail.delay(1);
  expect(await app.control.revokeByHeaders(headers)).toMatchObject({ removed: 12 });
  const late = await Promise.all(range(6).map((n) => mail.applyAsync([n], { headers })));
  await workerOf(app);
  for (const result of [...sent, ...late])
    await expect(result.get()).rejects.toMatchObject({ code: 'TASK_REVOKED' });
  expect(await other.get()).toBe(1);
});

test('failed tasks are listed by time over all servers, and retried, and dropped', async () => {
  const app = servers.app();
  let broken = true;
  const shaky = app.task('shaky', (n: number) => {
    if (broken) throw new Error(`no ${n}`);
    return n;
  });
  await workerOf(app, { concurrency: 1 });
  const sent = [];
  for (const n of range(8)) {
    const result = await shaky.applyAsync([n], { id: idOn(app, n % 2) });
    await result.get({ propagate: false });
    await eventually(() => app.failed.show(result.id)).toMatchObject({ id: result.id });
    sent.push(result);
  }
  const ids = sent.map(({ id }) => id);
  const listed: string[] = [];
  for await (const { id } of app.failed.list()) listed.push(id);
  expect(listed).toEqual(ids.toReversed());
  expect(await app.failed.count()).toBe(8);
  expect(await app.queues.counts('default')).toMatchObject({ failed: 8 });
  expect(await app.failed.drop(ids[0] as string)).toBe(true);
  expect(await app.failed.drop(ids[1] as string)).toBe(true);
  broken = false;
  expect(await app.failed.retry(ids[2] as string)).toBe(true);
  expect(await app.failed.retry({ limit: 4 })).toEqual({ retried: 4, damaged: 0 });
  expect(await app.failed.retry({})).toEqual({ retried: 1, damaged: 0 });
  for (const [n, id] of ids.entries()) if (n > 1) expect(await app.result(id).get()).toBe(n);
});

test('what is broadcast is seen where it is: on the main server', async () => {
  const app = servers.app({ broadcast: ['announce'] });
  let broken = true;
  const heard: number[] = [];
  const shaky = app.task(
    'shaky',
    (n: number) => {
      if (broken) throw new Error(`no ${n}`);
      heard.push(n);
    },
    { queue: 'announce' },
  );
  await workerOf(app);
  const sent = [];
  for (const shard of [0, 1]) sent.push(await shaky.applyAsync([shard], { id: idOn(app, shard) }));
  await eventually(() => app.failed.count({ queue: 'announce' })).toBe(2);
  broken = false;
  for (const { id } of sent) expect(await app.failed.retry(id)).toBe(true);
  await eventually(() => heard.toSorted((one, other) => one - other)).toEqual([0, 1]);
  const ids = [idOn(app, 0), idOn(app, 1), idOn(app, 0)];
  for (const id of ids) await shaky.applyAsync([2], { id, countdown: '1h' });
  expect(await app.queues.counts('announce')).toMatchObject({ delayed: 3, failed: 0 });
  const [scheduled] = Object.values(await app.inspect.scheduled()) as [readonly ScheduledTask[]];
  expect(scheduled.map(({ request }) => request.id)).toEqual(ids);
  expect(await app.control.revoke(ids.slice(0, 2))).toMatchObject({ removed: 2 });
  expect(await app.queues.purge('announce')).toBe(1);
});

test('queues are counted and purged as a whole, and waiters are told', async () => {
  const app = servers.app();
  const idle = app.task('idle', () => 0, { queue: 'idle' });
  const sent = await Promise.all(range(20).map(() => idle.delay()));
  await Promise.all(range(20).map(() => idle.applyAsync([], { countdown: '1h' })));
  expect(await app.queues.names()).toEqual(['idle']);
  expect(await app.queues.counts('idle')).toMatchObject({ waiting: 20, delayed: 20 });
  await workerOf(app, { queues: ['idle2'] });
  const worker = await workerOf(app, { queues: ['other'], name: 'looker' });
  await app.control.addConsumer('idle3', { destination: ['looker'] });
  expect(worker.queues).toEqual(['other', 'idle3']);
  expect(await app.queues.purge('idle')).toBe(40);
  expect(await app.queues.counts('idle')).toMatchObject({ waiting: 0, delayed: 0 });
  await expect(sent[0]?.get()).rejects.toThrow('is gone');
});

test('what is scheduled is shown from all servers, the soonest first', async () => {
  const app = servers.app();
  const later = app.task('later', (n: number) => n);
  const ids = range(6).map((n) => idOn(app, n % 2));
  for (const [n, id] of ids.entries())
    await later.applyAsync([n], { id, countdown: 600_000 + n * 1_000 });
  await workerOf(app);
  const [scheduled] = Object.values(await app.inspect.scheduled());
  expect((scheduled as readonly ScheduledTask[]).map(({ request }) => request.id)).toEqual(ids);
});

test('events tell of the tasks of all servers', async () => {
  const app = servers.app({ sendEvents: true });
  const add = app.task('add', (a: number, b: number) => a + b);
  await workerOf(app, { events: true });
  const ids = range(6).map((n) => idOn(app, n % 2));
  for (const id of ids) await add.applyAsync([1, 2], { id }).get();
  const left = new Map<string, Set<string>>([
    ['task-sent', new Set(ids)],
    ['task-succeeded', new Set(ids)],
  ]);
  const types = ['task-sent', 'task-succeeded'] as const;
  for await (const event of app.events({ types: [...types], since: '1m' })) {
    left.get(event.type)?.delete(event.id);
    if (![...left.values()].some(({ size }) => size > 0)) break;
  }
});

test('limits hold over all servers', async () => {
  const app = servers.app();
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
  await Promise.all([workerOf(app, { name: 'a' }), workerOf(app, { name: 'b' })]);
  await Promise.all(range(12).map((n) => one.applyAsync([], { id: idOn(app, n % 2) }).get()));
  expect(most).toBe(1);
});

test('a worker may serve some of the shards alone', async () => {
  const app = servers.app();
  const where = app.task('where', () => currentTask().worker);
  await workerOf(app, { name: 'first', onlyShards: ['0'] });
  await workerOf(app, { name: 'second', onlyShards: ['1-1'] });
  for (const n of range(4)) {
    const result = await where.applyAsync([], { id: idOn(app, n % 2) });
    expect(await result.get()).toBe(n % 2 === 0 ? 'first' : 'second');
  }
  await expect(workerOf(app, { onlyShards: ['1-2'] })).rejects.toThrow(
    "onlyShards must name some of the app's 2 shards, by numbers from 0 to 1 and ranges such as 0-1, got 1-2",
  );
});

test('a worker does not start beside others that have another number of shards', async () => {
  const app = servers.app();
  const worker = await workerOf(app);
  const wrong = servers.app({ prefix: app.config.prefix, shards: servers.urls.slice(0, 1) });
  await expect(workerOf(wrong, { name: 'wrong' })).rejects.toThrow(
    'the number of shards of this worker is 1, and that of workers that live is 2',
  );
  await worker.stop();
  await workerOf(wrong);
});

test('a worker without shards does not start beside others that have some, nor they beside it', async () => {
  const app = servers.app();
  const { prefix } = app.config;
  const alone = servers.app({ prefix, shards: [] });
  const first = await workerOf(app);
  await expect(workerOf(alone, { name: 'alone' })).rejects.toThrow(
    'the number of shards of this worker is none, and that of workers that live is 2',
  );
  await first.stop();
  const second = await workerOf(alone, { name: 'alone' });
  await expect(workerOf(app, { name: 'spread' })).rejects.toThrow(
    'the number of shards of this worker is 2, and that of workers that live is none',
  );
  expect(await servers.keysOf(alone, servers.main)).not.toContain(`${prefix}:shards`);
  await second.stop();
  await workerOf(app, { name: 'spread' });
});

test('a caller with another number of shards than the workers is told so, and sends nothing', async () => {
  const app = servers.app();
  const { prefix } = app.config;
  const known = app.task('known', () => 1);
  const wrong = servers.app({ prefix, shards: servers.urls.slice(0, 1) });
  const alone = servers.app({ prefix, shards: [] });
  const worker = await workerOf(app);
  await expect(wrong.sendTask('known')).rejects.toThrow(
    'the number of shards of this App is 1, and that of the workers that live is 2',
  );
  await expect(alone.sendTask('known')).rejects.toThrow(
    'the number of shards of this App is none, and that of the workers that live is 2',
  );
  for (const one of [wrong, alone])
    expect(await one.queues.counts('default')).toMatchObject({ waiting: 0 });
  expect(await known.delay().get()).toBe(1);
  await worker.stop();
  // Asked anew: what is wrong may be mended at the other end.
  await workerOf(alone, { name: 'alone' });
  alone.task('known', () => 2);
  expect(await alone.sendTask('known').get()).toBe(2);
  await expect(wrong.sendTask('known')).rejects.toThrow(
    'the number of shards of this App is 1, and that of the workers that live is none',
  );
});

test('of workers that start at a time with and without shards, those of one kind run', async () => {
  const app = servers.app();
  const alone = servers.app({ prefix: app.config.prefix, shards: [] });
  const started = await Promise.allSettled(
    [app, alone, app, alone].map((one, at) => workerOf(one, { name: `w${at}` })),
  );
  const kinds = started.flatMap(({ status }, at) => (status === 'fulfilled' ? [at % 2] : []));
  expect(kinds).toHaveLength(2);
  expect(new Set(kinds).size).toBe(1);
});

test('the server of all may lose what it has: workers say their shards anew', async () => {
  const app = servers.app();
  const { prefix } = app.config;
  await workerOf(app, { name: 'first' });
  const redis = new Redis(servers.main.url);
  onTestFinished(() => redis.disconnect());
  expect(await redis.pttl(`${prefix}:shards`)).toBeGreaterThan(0);
  await redis.del(`${prefix}:shards`, `${prefix}:workers`, `${prefix}:w:first`);
  await eventually(() => redis.zcard(`${prefix}:workers`)).toBe(1);
  await workerOf(app, { name: 'second' });
});
