import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { within, withinTurns } from './within.js';

async function start(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)']);
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'spawn');
  return child;
}

/** Keeps the loop from turning, as a machine does that has no CPU for it. */
const standStill = (span: number): unknown =>
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, span);

test('what was not heard of while the loop stood still is not late by turns', async () => {
  const child = await start();
  const wait = withinTurns(250, once(child, 'exit'));
  child.kill('SIGKILL');
  standStill(400);
  expect(await wait).toBe(true);
});

test('it is by the clock', async () => {
  const child = await start();
  const wait = within(250, once(child, 'exit'));
  child.kill('SIGKILL');
  standStill(400);
  expect(await wait).toBe(false);
});

test('what does not come is late by turns as well', async () => {
  expect(await withinTurns(50, new Promise(() => undefined))).toBe(false);
});

test('what fails is heard of', async () => {
  await expect(withinTurns(50, Promise.reject(new Error('no')))).rejects.toThrow('no');
});
