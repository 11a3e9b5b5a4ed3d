/** Ids that were handed out before their tasks are sent: what every process is told of them. */
import {
  type AnyResult,
  type App,
  type AsyncResult,
  chain,
  chord,
  currentTask,
  type GroupResult,
  group,
} from 'dtask';
import { expect, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { resultKey } from '../behaviour/stage.js';
import { fixtures, runDtask } from '../support/dtask-process.js';
import { rejection } from '../support/until.js';

const soon = { timeout: '15s' } as const;

/** An App with tasks, and another process' view of the same. */
function pair() {
  const app = stage.app();
  const other = stage.app({ prefix: app.config.prefix });
  const add = app.task('add', (x: number, y: number) => x + y);
  const sum = app.task('sum', (list: readonly number[]) => list.reduce((a, b) => a + b, 0));
  const fail = app.task('fail', (..._given: unknown[]): number => {
    throw new TypeError('on purpose');
  });
  return { app, other, add, sum, fail };
}

/** The command line, as another process that knows the id alone. */
const dtask = (app: App, ...args: string[]): ReturnType<typeof runDtask> =>
  runDtask([...args, '-A', 'faults/app.ts'], {
    cwd: fixtures,
    env: { DTASK_BROKER_URL: stage.engine.url, DTASK_PREFIX: app.config.prefix },
  });

/** A result and those that come before it, the last one first. */
function lineOf(result: AnyResult): AnyResult[] {
  const line: AnyResult[] = [];
  for (let at: AnyResult | undefined = result; at; at = at.parent) line.push(at);
  return line;
}

const partsOf = (result: AnyResult | undefined): readonly AnyResult[] =>
  (result as GroupResult).results;

test('every id that a canvas has handed out is known from anywhere before its task is sent', async () => {
  const { app, other, add, sum } = pair();
  const linked = add.s(1).set({ id: 'a-link' });
  const chained = await chain(add.s(1, 1), add.s(2), add.s(3)).delay();
  const counted = await chain(add.s(1, 1), add.s(2)).applyAsync([], { countdown: '1h' });
  const joined = await chord([add.s(1, 1), chain(add.s(2, 2), add.s(3))], sum.s()).delay();
  const spread = await chain(add.s(1, 1), group(add.s(1), chain(add.s(2), add.s(3))), sum.s())
    .link(linked)
    .delay();
  const [last, middle, first] = lineOf(chained) as [AnyResult, AnyResult, AnyResult];
  const later = partsOf(spread.parent);
  const waiting = [
    last,
    middle,
    counted,
    joined,
    partsOf(joined.parent)[1],
    spread,
    ...later,
    later[1]?.parent,
    { id: 'a-link' },
  ].map((result) => result?.id ?? '');
  for (const id of waiting) {
    const result = other.result(id);
    expect([id, await result.state()]).toEqual([id, 'WAITING']);
    expect(await result.exists()).toBe(true);
    expect(await result.ready()).toBe(false);
    expect(await result.info()).toBeUndefined();
    expect(await result.result()).toBeUndefined();
  }
  for (const sent of [first, counted.parent, ...partsOf(joined.parent).slice(0, 1)])
    expect(await other.result(sent?.id ?? '').state()).toBe('PENDING');
  expect((await dtask(app, 'result', chained.id)).stdout).toBe('WAITING\n');
  await app.control.revoke(counted.parent?.id ?? '');
  expect(await other.result(counted.id).state()).toBe('REVOKED');
  const waits = [chained.id, joined.id, spread.id].map((id) => other.result(id).get(soon));
  await stage.worker(app);
  expect(await Promise.all(waits)).toEqual([7, 9, 10]);
  for (const id of waiting.filter((one) => one !== counted.id))
    await eventually(() => other.result(id).state()).toBe('SUCCESS');
});

test('what has taken the place of a task is known too, and its later steps', async () => {
  const { app, other, add } = pair();
  const gate = new Gate();
  const hold = app.task('hold', async (x: number) => {
    await gate.passed;
    return x;
  });
  const replaced = app.task('replaced', (x: number): number =>
    currentTask().replace(chain(hold.s(x), add.s(1).set({ id: 'in-its-place' }))),
  );
  const result = await chain(replaced.s(1), add.s(5)).delay();
  await stage.worker(app);
  await eventually(() => other.result(result.parent?.id ?? '').state()).toBe('REPLACED');
  await eventually(() => other.result('in-its-place').state()).toBe('WAITING');
  expect(await other.result(result.id).state()).toBe('WAITING');
  // Long enough for all of them to be looked for.
  const value = other.result(result.id).get({ timeout: '30s' });
  await expect(other.result(result.id).get({ timeout: '7s' })).rejects.toThrow('it is WAITING');
  gate.open();
  expect(await value).toBe(7);
});

test('the body behind a generator waits while that produces, and ends with it when it breaks', async () => {
  const { app, other, add, sum } = pair();
  const gate = new Gate();
  const parts = async function* () {
    yield add.s(1, 1);
    await gate.passed;
    yield add.s(2, 2);
  };
  const broken = async function* () {
    yield add.s(1, 1);
    await gate.passed;
    throw new RangeError('no more');
  };
  const good = app.chord(parts(), sum.s());
  const bad = app.chord(broken(), sum.s());
  bad.catch(() => undefined);
  for (const { id } of [good, bad])
    await eventually(() => other.result(id).state()).toBe('WAITING');
  gate.open();
  await good;
  expect(await other.result(good.id).state()).toBe('WAITING');
  expect(await rejection(other.result(bad.id).get(soon))).toMatchObject({
    errorName: 'RangeError',
  });
  await stage.worker(app);
  expect(await other.result(good.id).get(soon)).toBe(6);
});

test('a step whose result nobody wants is not waited for, also before it is sent', async () => {
  const { other, add } = pair();
  const result = await chain(add.s(1, 1), add.s(2).set({ ignoreResult: true })).delay();
  expect(await other.result(result.id).state()).toBe('WAITING');
  expect(await other.result(result.id).get()).toBeUndefined();
});

test('a callback that will not be started is not waited for', async () => {
  const { app, other, add, fail } = pair();
  await stage.worker(app);
  const good = await add
    .s(1, 1)
    .onError(add.si(1, 1).set({ id: 'errback' }))
    .delay();
  const bad = await fail
    .s()
    .link(add.s(1).set({ id: 'callback' }))
    .delay();
  await good.get(soon);
  await rejection(bad.get(soon));
  for (const id of ['errback', 'callback']) {
    await eventually(() => other.result(id).state()).toBe('UNKNOWN');
    expect(await rejection(other.result(id).get())).toMatchObject({ code: 'TASK_REVOKED' });
  }
});

test('steps wait again when the failed one before them is retried', async () => {
  const { app, other, add } = pair();
  let broken = true;
  const gate = new Gate();
  const shaky = app.task('shaky', async () => {
    if (broken) throw new Error('not yet');
    await gate.passed;
    return 1;
  });
  await stage.worker(app);
  const result = await chain(shaky.s(), add.s(1), add.s(2)).delay();
  await rejection(result.get(soon));
  const [, middle, first] = lineOf(result) as [AnyResult, AnyResult, AnyResult];
  expect(await other.result(middle.id).state()).toBe('FAILURE');
  broken = false;
  await eventually(() => app.failed.retry(first.id)).toBe(true);
  for (const { id } of [result, middle])
    await eventually(() => other.result(id).state()).toBe('WAITING');
  gate.open();
  expect(await other.result(result.id).get(soon)).toBe(4);
});

test('a thousand steps cost one record each, which their results take the place of; a plain task none', async () => {
  const { app, add } = pair();
  const records = async (): Promise<number> =>
    (await stage.redis.keys(`${app.config.prefix}*:r:*`)).length;
  await Promise.all([add.delay(1, 1), group(add.s(1, 1), add.s(2, 2)).delay()]);
  expect(await records()).toBe(0);
  const steps = Array.from({ length: 999 }, () => add.s(1));
  const result = (await chain(add.s(0, 1), ...steps).delay()) as AsyncResult;
  expect(await records()).toBe(999);
  const record = (await stage.redis.get(resultKey(app, result.id))) ?? '';
  expect(record.length).toBeLessThan(300);
  expect(await stage.redis.pttl(resultKey(app, result.id))).toBeGreaterThan(7 * 86_400_000);
});
