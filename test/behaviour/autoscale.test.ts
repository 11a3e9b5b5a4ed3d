/** How many tasks a worker runs at a time that scales by itself. */
import { expect, test } from 'vitest';
import { Gate } from './gate.js';
import { app } from './own-app.js';
import { stage } from './own-stage.js';

test('a worker that has grown shrinks to what it needs, 30 seconds after it last needed more', async () => {
  const gate = new Gate();
  const held = app.task('held', () => gate.passed);
  const worker = await stage.worker(app, { autoscale: '4,1' });
  expect(worker.size).toBe(1);
  const all = await Promise.all([1, 2, 3, 4].map(() => held.delay()));
  await expect.poll(() => worker.size, { timeout: 15_000 }).toBe(4);
  await expect.poll(() => worker.running, { timeout: 15_000 }).toBe(4);
  gate.open();
  for (const result of all) await result.get({ timeout: '10s' });
  await expect.poll(() => worker.size, { timeout: 45_000, interval: 500 }).toBe(1);
}, 90_000);
