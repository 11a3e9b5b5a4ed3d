/** The slots of a worker that has several queues. */
import { expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { Gate } from './gate.js';
import { app } from './own-app.js';
import { stage } from './own-stage.js';
import { waiting } from './waiting.js';

test('a slot goes to the queue that has a task when the one that had it has none', async () => {
  const gate = new Gate();
  const held = app.task('held', () => gate.passed, { queue: 'first' });
  const echo = app.task('echo', (x: number) => x, { queue: 'second' });
  await stage.worker(app, { concurrency: 1, queues: ['first', 'second'] });
  await eventually(waiting).toBe(2);
  const first = await held.delay();
  await eventually(() => first.state()).toBe('STARTED');
  const second = await echo.delay(1);
  await eventually(waiting).toBe(0);
  gate.open();
  await first.get({ timeout: '10s' });
  // A wait for a job lasts five seconds.
  expect(await second.get({ timeout: '3s' })).toBe(1);
});
