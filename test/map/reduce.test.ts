/** Maps whose values become one. */
import { currentTask, MapItemError } from 'dtask';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { stage } from '../behaviour/own-stage.js';
import { rejection } from '../support/until.js';
import { range, rangeLater } from './numbers.js';

it('what is reduced on workers is what a loop would make of it, in order, whatever the chunks', async () => {
  const app = stage.app();
  const spell = app.task('spell', (word: string) => `<${word}>`);
  const glue = app.task('glue', (a: string, b: string) => a + b);
  await stage.worker(app);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ maxLength: 4 }), { maxLength: 40 }),
      fc.integer({ min: 1, max: 12 }),
      fc.boolean(),
      async (words, chunkSize, onWorkers) => {
        const reduce = onWorkers ? glue : (a: string, b: string): string => a + b;
        const glued = await app.mapReduce(words, { map: spell, reduce, initial: '', chunkSize });
        expect(glued).toBe(words.map((word) => `<${word}>`).join(''));
      },
    ),
    { numRuns: 30 },
  );
});

it('nothing is reduced to what it begins with, or to undefined', async () => {
  const app = stage.app();
  const square = app.task('square', (x: number) => x * x);
  const sum = app.task('sum', (a: number, b: number) => a + b);
  await stage.worker(app);
  expect(await app.mapReduce([], { map: square, reduce: sum, initial: 7 })).toBe(7);
  expect(await app.mapReduce([], { map: square, reduce: sum })).toBeUndefined();
  expect(await app.mapReduce([3], { map: square, reduce: sum })).toBe(9);
  expect(await app.mapReduce(rangeLater(100), { map: square, reduce: sum, initial: 1 })).toBe(
    328_351,
  );
});

it('a reducing task may be async, and one that is no task may be as well', async () => {
  const app = stage.app();
  const square = app.task('square', async (x: number) => Promise.resolve(x * x));
  const sum = app.task('sum', async (a: number, b: number) => Promise.resolve(a + b));
  await stage.worker(app);
  const items = [...range(20)];
  const here = (a: number, b: number): Promise<number> => Promise.resolve(a + b);
  expect(await app.mapReduce(items, { map: square, reduce: sum, chunkSize: 6 })).toBe(2_470);
  expect(await app.mapReduce(items, { map: square, reduce: here, chunkSize: 6 })).toBe(2_470);
});

it('an item that fails fails the whole, and items that are retried keep their place', async () => {
  const app = stage.app();
  const spell = app.task(
    'spell',
    (x: number) => {
      if (x % 5 === 3 && currentTask().retries === 0) throw new Error('stumbled');
      if (x === 99) throw new Error('never');
      return `${x},`;
    },
    { maxRetries: 1, retryDelay: 1 },
  );
  const glue = app.task('glue', (a: string, b: string) => a + b);
  await stage.worker(app);
  const how = { map: spell, reduce: glue, chunkSize: 8 } as const;
  expect(await app.mapReduce(range(30), how)).toBe([...range(30)].map((x) => `${x},`).join(''));
  const error = await rejection(app.mapReduce([1, 2, 99, 4], how));
  expect(error).toBeInstanceOf(MapItemError);
  expect(error).toMatchObject({ index: 2, cause: { message: 'never' } });
});

it('what cannot reduce is refused', async () => {
  const app = stage.app();
  const square = app.task('square', (x: number) => x * x);
  const wrong = app.mapReduce as (...args: unknown[]) => Promise<unknown>;
  expect((await rejection(wrong([1], { map: square }))).message).toMatch(
    /as reduce, got undefined/,
  );
  expect((await rejection(wrong([1], { map: 5, reduce: square }))).message).toMatch(
    /is not a task/,
  );
  expect((await rejection(wrong(5, { map: square, reduce: square }))).message).toMatch(
    /takes a list/,
  );
  const collect = { map: square, reduce: square, onItemError: 'collect' };
  expect((await rejection(wrong([1], collect))).message).toMatch(/no value to reduce/);
});
