/** The waits between two starts. */
import { expect, it } from 'vitest';
import { Backoff } from './backoff.js';

it('a process that dies again and again is started after 100 ms, then ever later, up to 10 s', () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 9 }, () => backoff.next(50));
  expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
});

it('one that has lived for 30 s is started at once again', () => {
  const backoff = new Backoff();
  for (let death = 0; death < 5; death += 1) backoff.next(29_999);
  expect(backoff.next(30_000)).toBe(100);
  expect(backoff.next(0)).toBe(200);
});
