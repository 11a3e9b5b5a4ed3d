/** What waits for an answer is ended when its time is over, and that is time in which an answer could come. */
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Deadlines } from './deadlines.js';

/** Keeps the event loop busy. */
function compute(time: number): void {
  const end = performance.now() + time;
  while (performance.now() < end);
}

test('what waits for longer than the span is ended, the oldest first', async () => {
  const deadlines = new Deadlines(40);
  const ended: string[] = [];
  deadlines.add(() => ended.push('first'));
  deadlines.add(() => ended.push('second'));
  await expect.poll(() => ended, { interval: 5 }).toEqual(['first', 'second']);
});

test('what ends in time is not ended again', async () => {
  const deadlines = new Deadlines(20);
  let expired = false;
  const end = deadlines.add(() => (expired = true));
  end();
  await pause(60);
  expect(expired).toBe(false);
});

test('while the process computes, the time of what waits stands still', async () => {
  const deadlines = new Deadlines(200);
  let expired = false;
  const end = deadlines.add(() => (expired = true));
  compute(400);
  // Timers come first, what was received next, and this last.
  await turn();
  await turn();
  expect(expired).toBe(false);
  end();
});

test('all are ended at once where nothing can come any more', () => {
  const deadlines = new Deadlines(10_000);
  let ended = 0;
  for (let at = 0; at < 3; at += 1) deadlines.add(() => (ended += 1));
  deadlines.expireAll();
  expect(ended).toBe(3);
});
