/** The app whose tasks the bench runs in pools: their children load this module by themselves. */
// @ts-check
import { setTimeout as pause } from 'node:timers/promises';
import { App, currentTask } from 'dtask';
import { Redis } from 'ioredis';
import { prefix, url } from './role.mjs';

export const app = new App('bench', { broker: url, prefix });

export const echo = app.task('echo', (/** @type {number} */ x) => x);

/** Work of the CPU, always the same: some 20 ms of it. By the clock it would wait for a CPU as well. */
export const burn = app.task('burn', () => {
  let value = 1;
  for (let turn = 0; turn < 12_000_000; turn += 1) value = Math.imul(value ^ turn, 0x9e3779b1);
  return value;
});

/** @type {Redis | undefined} */
let redis;

/** Notes that it began, and keeps a CPU busy without a pause. */
export const block = app.task('block', async (/** @type {number} */ ms) => {
  redis ??= new Redis(url);
  await redis.rpush(`${prefix}:starts`, currentTask().id);
  const end = performance.now() + ms;
  let turns = 0;
  while (performance.now() < end) turns += 1;
  return turns > 0;
});

/** Takes a while, and notes when it began, where, and that it ended. */
export const noted = app.task(
  'noted',
  async (/** @type {number} */ x, /** @type {number} */ ms) => {
    redis ??= new Redis(url);
    const { id } = currentTask();
    const start = { id, worker: process.ppid, child: process.pid, at: Date.now() };
    await redis.rpush(`${prefix}:starts`, JSON.stringify(start));
    await pause(ms);
    await redis.rpush(`${prefix}:ends`, id);
    return x * 2 + 1;
  },
);
