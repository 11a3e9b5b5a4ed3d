/** Tasks with a countdown: when they start is seen by the worker, not left to the server's clock ticks. */
import { onTestFinished, expect, test } from 'vitest';
import { until } from '../support/until.js';
import { app } from './own-app.js';
import { stage } from './own-stage.js';

const marker = (): string => `${app.config.prefix}:{default}:marker`;

/** The commands that clients send from now on, as they come; what scripts run is not among them. */
async function watched(): Promise<string[][]> {
  const connection = stage.redis.duplicate();
  const monitor = await connection.monitor();
  onTestFinished(() => {
    monitor.disconnect();
    connection.disconnect();
  });
  const seen: string[][] = [];
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    if (source !== 'lua') seen.push(args);
  });
  return seen;
}

test('a worker with nothing to do wakes itself when a delayed task is due', async () => {
  const tasks = 5;
  const task = app.task('due', () => 'done');
  await stage.worker(app);
  const commands = await watched();
  const woken = (): number =>
    commands.filter(([name, key]) => name?.toLowerCase() === 'zadd' && key === marker()).length;
  for (let sent = 0; sent < tasks; sent += 1)
    expect(await task.applyAsync([], { countdown: 100 }).get()).toBe('done');
  // Now and then the server sees by itself that the wait is over, before the worker says so.
  await until('the worker has woken itself', () => woken() > 0);
  expect(woken()).toBeLessThanOrEqual(tasks);
});

test('a worker that gets another task before the delayed one is due runs both', async () => {
  const ran: string[] = [];
  const task = app.task('noted', (name: string) => void ran.push(name));
  await stage.worker(app);
  const late = await task.applyAsync(['late'], { countdown: 400 });
  await task.delay('soon').get();
  await late.get();
  expect(ran.toSorted()).toEqual(['late', 'soon']);
});
