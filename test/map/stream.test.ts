/** A map that is streamed: what goes in, in which order it comes out, and that it is a signature as well. */
import { chain, currentTask, group, map, type MapProgress, starmap } from 'dtask';
import { expect, it } from 'vitest';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection } from '../support/until.js';
import { gather, range, rangeLater } from './numbers.js';
import { waitsForFirst } from './waits-for-first.js';

it('a map gives the values in the order of the items, whatever their number', async () => {
  const app = stage.app();
  const square = app.task('square', (x: number) => x * x);
  await stage.worker(app);
  const values = await gather(square.map(range(20_000)));
  expect(values).toHaveLength(20_000);
  expect(values.every((value, at) => value === at * at)).toBe(true);
});

it('items may come from an async generator, and arguments in lists', async () => {
  const app = stage.app();
  const add = app.task('add', (x: number, y: number) => x + y);
  const double = app.task('double', (x: number) => x * 2);
  await stage.worker(app);
  expect(await gather(double.map(rangeLater(1_000)))).toEqual(
    Array.from(range(1_000), (x) => x * 2),
  );
  const pairs = Array.from(range(100), (x) => [x, 1] as [number, number]);
  expect(await gather(add.starmap(pairs))).toEqual(Array.from(range(100), (x) => x + 1));
  expect(await gather(starmap(add, pairs.slice(0, 2)))).toEqual([1, 2]);
});

it('items that come slowly are not held up by those that are to come', async () => {
  const app = stage.app();
  const echo = app.task('echo', (x: number) => x);
  await stage.worker(app);
  const gate = new Gate();
  const source = async function* (): AsyncGenerator<number> {
    yield 1;
    yield 2;
    await gate.passed;
    yield 3;
  };
  const stream = echo.map(source(), { chunkSize: 100 })[Symbol.asyncIterator]();
  expect(await stream.next()).toEqual({ done: false, value: 1 });
  expect(await stream.next()).toEqual({ done: false, value: 2 });
  gate.open();
  expect(await stream.next()).toEqual({ done: false, value: 3 });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

it('nothing gives nothing, and one item one value', async () => {
  const app = stage.app();
  const echo = app.task('echo', (x: unknown) => x);
  await stage.worker(app);
  expect(await gather(echo.map([]))).toEqual([]);
  expect(await gather(echo.map(rangeLater(0)))).toEqual([]);
  expect(await gather(echo.map(['alone']))).toEqual(['alone']);
  expect(await gather(echo.map([undefined]))).toEqual([undefined]);
});

it('values of any kind arrive as they left, and numbers exactly', async () => {
  const app = stage.app();
  const echo = app.task('echo', (x: unknown) => x);
  await stage.worker(app);
  const odd = [0, -0, 1.5, Number.NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 31), 0.1, 5e-324];
  for (const chunkSize of [1, 3, 100])
    expect(await gather(echo.map(odd, { chunkSize }))).toEqual(odd);
  const kinds = [
    1,
    'ü',
    null,
    undefined,
    [1, [2]],
    { a: { b: 1 } },
    new Date(0),
    10n,
    { $date: 1 },
  ];
  const kept = [...kinds, new Map([['k', new Set([1])]]), Buffer.from('bytes'), true, 2];
  for (const chunkSize of [1, 4, 100])
    expect(await gather(echo.map(kept, { chunkSize }))).toEqual(kept);
});

it('without order the values come as they are there, each once', async () => {
  const { gate, wait } = await waitsForFirst();
  const seen: number[] = [];
  for await (const x of wait.map(range(50), { ordered: false, chunkSize: 1 })) {
    seen.push(x);
    if (seen.length === 49) gate.open();
  }
  expect(seen.at(-1)).toBe(0);
  expect(seen.toSorted((a, b) => a - b)).toEqual([...range(50)]);
});

it('a map is a signature as well: in a canvas, or sent, it is one message', async () => {
  const app = stage.app();
  const square = app.task('square', (x: number) => x * x);
  const sum = app.task('sum', (list: number[]) => list.reduce((a, b) => a + b, 0));
  await stage.worker(app);
  expect(await square.map(range(4)).delay().get()).toEqual([0, 1, 4, 9]);
  expect(
    await chain(map(square, [1, 2]), sum.s())
      .delay()
      .get(),
  ).toBe(5);
  expect(
    await group(square.map([1]), square.map([2]))
      .delay()
      .get(),
  ).toEqual([[1], [4]]);
  expect(await square.map([3]).apply().get()).toEqual([9]);
  const later = square.map([1, 2], { queue: 'other' }).set({ queue: 'default' });
  expect(await later.delay().get()).toEqual([1, 4]);
  expect(await gather(later)).toEqual([1, 4]);
});

it('a map over an async generator can be streamed alone', async () => {
  const app = stage.app();
  const square = app.task('square', (x: number) => x * x);
  const error = await rejection(Promise.resolve(square.map(rangeLater(3)).delay()));
  expect(error).toMatchObject({
    code: 'CONFIG',
    message: expect.stringMatching(/async generator/),
  });
});

it('what is no list and options that are wrong are refused at once', async () => {
  const app = stage.app();
  const square = app.task('square', (x: number) => x * x);
  const wrong = square as unknown as { map(...args: unknown[]): unknown };
  const refused = (...args: unknown[]): string => {
    try {
      wrong.map(...args);
    } catch (error) {
      return (error as Error).message;
    }
    return 'not refused';
  };
  expect(refused(5)).toMatch(/map\(\) takes a list.*got 5/);
  expect(refused(undefined)).toMatch(/takes a list/);
  expect(refused([1], { chunksize: 1 })).toMatch(/did you mean chunkSize/);
  expect(refused([1], { chunkSize: 0 })).toMatch(
    /chunkSize must be a whole number of at least 1, got 0/,
  );
  expect(refused([1], { concurrency: 1.5 })).toMatch(/concurrency must be a whole number/);
  expect(refused([1], { onItemError: 'skip' })).toMatch(/onItemError must be/);
  expect(refused([1], { from: 3 })).toMatch(/from goes with id/);
  expect(refused([1], { speculate: { afer: 1 } })).toMatch(/speculate must be/);
  expect(refused([1], { countdown: 10 })).toMatch(/has no option "countdown"/);
});

it('a task may map others, and lets another task run while it waits', async () => {
  const app = stage.app();
  const square = app.task('square', (x: number) => x * x);
  const sumOfSquares = app.task('sumOfSquares', async (count: number) => {
    let sum = 0;
    for await (const value of square.map(range(count), { chunkSize: 2 })) sum += value;
    return sum;
  });
  await stage.worker(app, { concurrency: 1 });
  expect(await sumOfSquares.delay(10).get({ timeout: '10s' })).toBe(285);
});

it('a map tells how far it has come', async () => {
  const app = stage.app();
  const echo = app.task('echo', (x: number) => x);
  await stage.worker(app);
  const told: MapProgress[] = [];
  await gather(echo.map(range(10), { chunkSize: 3, onProgress: (one) => told.push(one) }));
  expect(told).toHaveLength(4);
  expect(told.at(-1)).toMatchObject({ done: 10, sent: 10, failed: 0 });
  expect(told.at(-1)!.perSecond).toBeGreaterThan(0);
});

it('two calls of next() at a time get two values in order', async () => {
  const app = stage.app();
  const echo = app.task('echo', (x: number) => x);
  await stage.worker(app);
  const stream = echo.map(range(4), { chunkSize: 1 })[Symbol.asyncIterator]();
  const all = await Promise.all([1, 2, 3, 4, 5].map(() => stream.next()));
  expect(all.map(({ value }) => value as unknown)).toEqual([0, 1, 2, 3, undefined]);
});

it('what the loop has taken is deleted from Redis, and nothing else is left', async () => {
  const app = stage.app();
  const echo = app.task('echo', (x: number) => x);
  await stage.worker(app);
  await gather(echo.map(range(100), { chunkSize: 10 }));
  await expect
    .poll(() => stage.redis.keys(`${app.config.prefix}:r:*`), { timeout: 10_000 })
    .toEqual([]);
  expect(await stage.redis.keys(`${app.config.prefix}:m:*`)).toEqual([]);
});

it('an item sees its own task and arguments in its context, and the id of its message', async () => {
  const app = stage.app();
  const look = app.task('look', (x: number) => {
    const { id, name, args, queue, retries, rootId } = currentTask();
    currentTask().logger.debug('looked');
    return { x, name, args, queue, retries, isRoot: id === rootId };
  });
  await stage.worker(app);
  const seen = [1, 2].map((x) => ({
    x,
    name: 'look',
    args: [x],
    queue: 'default',
    retries: 0,
    isRoot: true,
  }));
  expect(await gather(look.map([1, 2], { chunkSize: 2 }))).toEqual(seen);
  expect(await look.map([1, 2]).delay().get()).toEqual(seen);
});

it('items go to the queue of their task, or that of the map, but to none that all workers get', async () => {
  const app = stage.app({ routes: { 'routed.*': { queue: 'there' } }, broadcast: ['all'] });
  const routed = app.task('routed.echo', (x: number) => x);
  const own = app.task('own', (x: number) => x, { queue: 'owned' });
  await stage.worker(app, { queues: ['there', 'owned', 'given'] });
  expect(await gather(routed.map([1]))).toEqual([1]);
  expect(await gather(own.map([2]))).toEqual([2]);
  expect(await gather(own.map([3], { queue: 'given', priority: 3 }))).toEqual([3]);
  expect(await app.queues.names()).toEqual(expect.arrayContaining(['given', 'owned', 'there']));
  const error = await rejection((async () => gather(own.map([1], { queue: 'all' })))());
  expect(error).toMatchObject({
    code: 'CONFIG',
    message: expect.stringMatching(/broadcast queue all/),
  });
});
