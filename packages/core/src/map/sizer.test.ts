/** The sizes of chunks. */
import { expect, test } from 'vitest';
import { Sizer } from './sizer.js';

/** The sizes of so many chunks, where each item takes `ms`. */
function sizes(sizer: Sizer, count: number, ms: number): number[] {
  return Array.from({ length: count }, () => {
    const { size } = sizer;
    sizer.learn(size, size * ms);
    return size;
  });
}

test('the first chunks are small, and grow to what takes the time that is aimed at', () => {
  expect(sizes(new Sizer(undefined, 100), 6, 0.1)).toEqual([1, 8, 64, 512, 512, 512]);
  expect(sizes(new Sizer(undefined, 100), 4, 20)).toEqual([1, 4, 4, 4]);
  expect(sizes(new Sizer(undefined, 100), 3, 500)).toEqual([1, 1, 1]);
});

test('they shrink as soon as items take longer', () => {
  const sizer = new Sizer(undefined, 100);
  sizes(sizer, 6, 0.1);
  sizer.learn(100, 2_000);
  expect(sizer.size).toBeLessThanOrEqual(16);
});

test('a size that is given is kept, and reports of nothing change nothing', () => {
  expect(sizes(new Sizer(7, 100), 3, 1_000)).toEqual([7, 7, 7]);
  const sizer = new Sizer(undefined, 100);
  sizer.learn(0, 5);
  expect(sizer.size).toBe(1);
});
