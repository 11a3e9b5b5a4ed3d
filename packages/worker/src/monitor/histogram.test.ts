/** Counting times. */
import { expect, it } from 'vitest';
import { bounds, Histogram } from './histogram.js';

it('counts a time with every bound that it does not exceed, as Prometheus wants it', () => {
  const histogram = new Histogram();
  for (const ms of [0, 5, 6, 1_000, 9_999_999]) histogram.add(ms);
  const cumulated = histogram.cumulated();
  expect(cumulated).toHaveLength(bounds.length + 1);
  expect(cumulated[bounds.indexOf(0.005)]).toBe(2);
  expect(cumulated[bounds.indexOf(0.01)]).toBe(3);
  expect(cumulated[bounds.indexOf(0.5)]).toBe(3);
  expect(cumulated[bounds.indexOf(1)]).toBe(4);
  expect(cumulated[bounds.indexOf(1_800)]).toBe(4);
  expect(cumulated.at(-1)).toBe(5);
  expect(histogram.sum).toBeCloseTo(10_001.01);
});
