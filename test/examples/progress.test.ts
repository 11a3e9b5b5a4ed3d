/** What a caller hears of a task's progress while it waits for long. */
import { setTimeout as pause } from 'node:timers/promises';
import { currentTask, task } from 'dtask';
import { testApp, type TestApp } from 'dtask/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** Longer than the time after which a waiting caller looks at the result's key of its own accord. */
const longStep = 7_000;

const slow = task('slow.steps', async (): Promise<string> => {
  await currentTask().progress('first');
  await pause(longStep);
  await currentTask().progress('second');
  return 'done';
});

let t: TestApp;
beforeAll(async () => {
  t = await testApp({ tasks: [slow] });
});
afterAll(() => t?.stop());

it('a caller hears every progress once, however long the next one takes', async () => {
  const heard: unknown[] = [];
  const result = await slow
    .delay()
    .get({ timeout: '20s', onProgress: (details) => heard.push(details) });
  expect(result).toBe('done');
  expect(heard).toEqual(['first', 'second']);
});
