/** What nobody will ever hear of: who waits for it is told, and all that can be asked says the same. */
import { type App, chain, chord, type GroupResult, group, TaskRevokedError } from 'dtask';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { messageKey, resultKey } from '../behaviour/stage.js';
import { fixtures, runDtask } from '../support/dtask-process.js';
import { Engine } from '../support/engine.js';
import { rejection } from '../support/until.js';
import { unseenApp } from '../support/unseen-app.js';

const long = 30_000;

/** Tasks of an App that nobody runs. */
function tasksOf(app: App) {
  const add = app.task('add', (x: number, y: number) => x + y);
  const sum = app.task('sum', (list: readonly number[]) => list.reduce((a, b) => a + b, 0));
  const quiet = app.task('quiet', () => 1, { ignoreResult: true });
  return { add, sum, quiet };
}

/** An App, and another process' view of the same. */
function pair() {
  const app = stage.app();
  const other = stage.app({ prefix: app.config.prefix });
  return { app, other, ...tasksOf(app) };
}

/** Sends one of each kind. */
async function sendAll({ add, sum }: Pick<ReturnType<typeof tasksOf>, 'add' | 'sum'>) {
  return {
    plain: await add.delay(1, 1),
    counted: await add.applyAsync([1, 1], { countdown: '1h' }),
    chained: await chain(add.s(1, 1), add.s(2), add.s(3)).delay(),
    joined: await chord([add.s(1, 1), chain(add.s(2, 2), add.s(3))], sum.s()).delay(),
    spread: await chain(add.s(1, 1), group(add.s(1), add.s(2)), sum.s()).delay(),
    grouped: (await group(add.s(1, 1), chain(add.s(2, 2), add.s(3))).delay()) as GroupResult,
  };
}

/** Everybody who waits for one of each kind, in every way. */
function waitersOf(
  sent: Awaited<ReturnType<typeof sendAll>>,
  other: App,
): [string, Promise<unknown>][] {
  const { grouped, ...single } = sent;
  const waiters: [string, Promise<unknown>][] = [];
  for (const [kind, result] of Object.entries(single)) {
    waiters.push([`${kind} by its sender`, result.get()]);
    waiters.push([`${kind} by its id`, other.result(result.id).get()]);
    waiters.push([
      `${kind} by its id, with a timeout`,
      other.result(result.id).get({ timeout: '1h' }),
    ]);
    waiters.push([`${kind} collected`, allOf(other.result(result.id).collect())]);
    waiters.push([`progress of ${kind}`, overOf(other.result(result.id).progress())]);
  }
  const each = async (): Promise<void> => {
    for await (const part of grouped) await part.get();
  };
  waiters.push(['a group', grouped.get()], ['a group, part by part', each()]);
  return waiters;
}

/** All that a loop gives. */
async function allOf(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Rejected where a loop ends, as nothing tells it why. */
async function overOf(details: AsyncIterable<unknown>): Promise<never> {
  for await (const _ of details);
  throw new TaskRevokedError('the loop has ended');
}

/** What each hears. */
async function heardBy(waiters: [string, Promise<unknown>][]): Promise<Record<string, unknown>> {
  const heard = await Promise.all(
    waiters.map(
      async ([who, waiting]) => [who, await waiting.catch((error: Error) => error)] as const,
    ),
  );
  return Object.fromEntries(heard);
}

/** Nothing is left of a task, whatever is asked. */
async function expectNothingOf(other: App, id: string): Promise<void> {
  const result = other.result(id);
  expect([id, await result.state()]).toEqual([id, 'UNKNOWN']);
  expect(await result.exists()).toBe(false);
  expect(await result.ready()).toBe(false);
  expect(await result.info()).toBeUndefined();
  expect(await result.result()).toBeUndefined();
}

/**
 * Resolves when everybody who waits in an App has looked once: nothing is lost to one who has never seen
 * it. Looks are answered in order, on whichever shard.
 */
async function haveLooked(app: App, redis: Redis): Promise<void> {
  const ids = Array.from({ length: 16 }, (_, n) => `ended-${n}`);
  for (const id of ids) {
    const record = JSON.stringify({ v: 1, id, state: 'SUCCESS', at: Date.now() });
    await redis.set(resultKey(app, id), record);
  }
  await Promise.all(ids.map((id) => app.result(id).get()));
}

test('everybody who waits is told when Redis loses its data', { timeout: 60_000 }, async () => {
  const { other, ...tasks } = pair();
  const sent = await sendAll(tasks);
  const waiters = waitersOf(sent, other);
  const ids = Object.values(sent).map(({ id }) => id);
  await haveLooked(other, stage.redis);
  await stage.redis.flushall();
  for (const [who, error] of Object.entries(await heardBy(waiters)))
    expect([who, error]).toEqual([who, expect.any(TaskRevokedError)]);
  for (const id of ids) await expectNothingOf(other, id);
});

test(
  'everybody who waits is told when Redis comes back without its data',
  { timeout: 60_000 },
  async () => {
    await using engine = await Engine.start();
    const prefix = 'restarted';
    const app = unseenApp({ broker: engine.url, prefix });
    const other = unseenApp({ broker: engine.url, prefix });
    const sent = await sendAll(tasksOf(app));
    const waiters = waitersOf(sent, other);
    const redis = new Redis(engine.url);
    await haveLooked(other, redis);
    redis.disconnect();
    await engine.kill();
    await engine.back();
    for (const [who, error] of Object.entries(await heardBy(waiters)))
      expect([who, error]).toEqual([who, expect.any(TaskRevokedError)]);
  },
);

test('everybody who waits is told when a job is deleted by hand', { timeout: 60_000 }, async () => {
  const { app, other, ...tasks } = pair();
  const sent = await sendAll(tasks);
  const waiters = waitersOf(sent, other);
  const first = (result: { parent?: unknown; id: string }): string => {
    let at = result as { parent?: { id: string; results?: readonly { id: string }[] }; id: string };
    while (at.parent) at = at.parent;
    return (at as { results?: readonly { id: string }[] }).results?.[0]?.id ?? at.id;
  };
  await haveLooked(other, stage.redis);
  const { joined, grouped, ...others } = sent;
  // Of a chord and of a group one part goes, while the others wait.
  const gone = [...Object.values(others).map(first), first(joined), grouped.results[0]?.id ?? ''];
  for (const id of gone) {
    const job = messageKey(app, 'default', id);
    const base = job.slice(0, -id.length);
    await stage.redis.del(job);
    await stage.redis.lrem(`${base}wait`, 0, id);
    await stage.redis.zrem(`${base}delayed`, id);
  }
  // A chord is lost when the parts that are left have ended.
  await stage.worker(app);
  for (const [who, error] of Object.entries(await heardBy(waiters)))
    expect([who, error]).toEqual([who, expect.any(TaskRevokedError)]);
  for (const { id } of [...Object.values(others), joined]) await expectNothingOf(other, id);
});

test('a job that is deleted while it runs leaves no state behind', { timeout: long }, async () => {
  const { app, other } = pair();
  const reporting = app.task('reporting', async (): Promise<void> => undefined);
  const result = await reporting.applyAsync([], { countdown: '1h' });
  const record = { v: 1, id: result.id, state: 'PROGRESS', at: Date.now(), value: 1 };
  await stage.redis.set(resultKey(app, result.id), JSON.stringify(record));
  const waiting = [result, other.result(result.id)].map((one) => rejection(one.get()));
  await haveLooked(other, stage.redis);
  await stage.redis.del(messageKey(app, 'default', result.id));
  for (const error of await Promise.all(waiting)) expect(error).toBeInstanceOf(TaskRevokedError);
  await expectNothingOf(other, result.id);
});

test(
  'a chain that goes on is not lost, however late it is looked at',
  { timeout: 60_000 },
  async () => {
    const { app, other, add } = pair();
    let steps = 0;
    const step = app.task('step', async (x: number) => {
      steps += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return x + 1;
    });
    await stage.worker(app, { concurrency: 1 });
    const result = await chain(step.s(0), ...Array.from({ length: 299 }, () => step.s())).delay();
    const waiting = [result.get(), other.result(result.id).get()];
    // Looked at while its steps change, by whoever asks.
    while (!(await other.result(result.id).ready()))
      expect(['WAITING', 'PENDING', 'STARTED', 'SUCCESS']).toContain(
        await other.result(result.id).state(),
      );
    expect(await Promise.all(waiting)).toEqual([300, 300]);
    expect(steps).toBe(300);
    expect(await add.delay(1, 1).get({ timeout: '10s' })).toBe(2);
  },
);

test(
  'an ignored task is not waited for by its id, wherever it is; its failure is told',
  { timeout: long },
  async () => {
    const { app, other, quiet } = pair();
    const gate = new Gate();
    const options = { ignoreResult: true };
    const held = app.task('held', () => gate.passed, options);
    const failing = app.task(
      'failing',
      () => Promise.reject(new RangeError('on purpose')),
      options,
    );
    const waiting = await quiet.applyAsync([], { queue: 'idle' });
    expect(await other.result(waiting.id).get()).toBeUndefined();
    await stage.worker(app);
    const running = await held.delay();
    await eventually(() => other.result(running.id).state()).toBe('STARTED');
    expect(await other.result(running.id).get()).toBeUndefined();
    const failed = await failing.delay();
    await eventually(() => other.result(failed.id).state()).toBe('FAILURE');
    expect(await rejection(other.result(failed.id).get())).toMatchObject({
      errorName: 'RangeError',
    });
    const done = await quiet.delay();
    await eventually(() => other.result(done.id).state()).toBe('UNKNOWN');
    const error = await rejection(other.result(done.id).get());
    expect(error).toMatchObject({ code: 'TASK_REVOKED' });
    expect(error.message).toContain('nothing is known of task');
    gate.open();
  },
);

test(
  'an errback has the failure of a task whose result nobody wants',
  { timeout: long },
  async () => {
    const { app } = pair();
    const heard: unknown[] = [];
    const failing = app.task('failing', () => Promise.reject(new RangeError('on purpose')), {
      ignoreResult: true,
    });
    const errback = app.task('errback', async (failure: unknown) => {
      const { id } = failure as { id: string };
      heard.push(await app.result(id).get({ propagate: false }));
    });
    await stage.worker(app);
    await failing.s().onError(errback.s()).delay();
    await eventually(() => heard).toEqual([expect.objectContaining({ errorName: 'RangeError' })]);
  },
);

test(
  'a failure is told from the failed store when its result has expired',
  { timeout: long },
  async () => {
    const { app, other } = pair();
    const failing = app.task('failing', () => Promise.reject(new RangeError('on purpose')));
    await stage.worker(app);
    const result = await failing.delay();
    await eventually(() => app.failed.show(result.id)).toMatchObject({ id: result.id });
    await stage.redis.del(resultKey(app, result.id));
    const expected = { name: 'TaskFailedError', errorName: 'RangeError', message: 'on purpose' };
    for (const handle of [other.result(result.id), app.result(result.id), result]) {
      expect(await handle.state()).toBe('FAILURE');
      expect(await handle.info()).toMatchObject(expected);
      expect(await rejection(handle.get())).toMatchObject(expected);
    }
  },
);

test(
  'an id of which nothing is known is waited for with a timeout only, for it may be sent yet',
  { timeout: long },
  async () => {
    const { app, other, add } = pair();
    const id = 'agreed-upon';
    const early = other.result(id).get({ timeout: '20s' });
    const error = await rejection(other.result('nonsense').get());
    expect(error).toMatchObject({ code: 'TASK_REVOKED' });
    await stage.worker(app);
    await add.applyAsync([1, 1], { id });
    expect(await early).toBe(2);
  },
);

test(
  'queues are known again to other processes when Redis has lost its data',
  { timeout: long },
  async () => {
    const { app, other, add } = pair();
    await add.delay(1, 1);
    await stage.redis.flushall();
    const result = await add.delay(2, 2);
    await eventually(() => other.queues.names()).toEqual(['default']);
    expect(await other.result(result.id).state()).toBe('PENDING');
    const listed = await runDtask(['queues', '-A', 'faults/app.ts'], {
      cwd: fixtures,
      env: { DTASK_BROKER_URL: stage.engine.url, DTASK_PREFIX: app.config.prefix },
    });
    expect(listed.stdout).toMatch(/default +1/);
    expect(await other.control.revoke(result.id)).toMatchObject({ removed: 1 });
    // A worker sees to those that it takes from.
    await stage.worker(app, { queues: ['default', 'idle'] });
    await eventually(() => other.queues.names()).toEqual(['default', 'idle']);
    await stage.redis.flushall();
    await eventually(() => other.queues.names()).toEqual(['default', 'idle']);
  },
);
