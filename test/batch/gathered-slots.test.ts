/** Calls that wait for others, and then for a slot of their worker. */
import type { BatchCall } from 'dtask';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';

test('calls whose wait is over begin as soon as a slot is free, also where nothing waits in the queue', async () => {
  const app = stage.app();
  const gate = new Gate();
  const wait = 300;
  const double = app.task(
    'double',
    (calls: readonly BatchCall<[x: number]>[]) => calls.map(({ args: [x] }) => x * 2),
    { batch: { gather: true, size: 8, wait } },
  );
  const held = app.task('held', () => gate.passed.then(() => 'gone'));
  const busy = await stage.worker(app, { concurrency: 1 });
  onTestFinished(() => busy.stop());
  const call = await double.delay(4);
  await eventually(() => call.state()).toBe('STARTED');
  const gathered = performance.now();
  const holder = await held.delay();
  await eventually(() => holder.state()).toBe('STARTED');
  // Nothing says that there is a job, so nothing but the slot wakes the worker.
  const sign = `${app.config.prefix}:{default}:marker`;
  await eventually(() => stage.redis.exists(sign)).toBe(0);
  await eventually(() => performance.now() - gathered > 2 * wait).toBe(true);
  gate.open();
  expect(await holder.get({ timeout: '4s' })).toBe('gone');
  // A worker that waits for a job looks again after five seconds.
  expect(await call.get({ timeout: '4s' })).toBe(8);
});
