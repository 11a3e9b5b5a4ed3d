/** Which workers wait for a job: those that have a slot for it. */
import { expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { Gate } from './gate.js';
import { app } from './own-app.js';
import { stage } from './own-stage.js';
import { waiting } from './waiting.js';

test('a worker without a free slot does not take the sign that there is a job from one that has a slot', async () => {
  const gate = new Gate();
  const held = app.task('held', () => gate.passed);
  const echo = app.task('echo', (x: number) => x);
  await stage.worker(app, { concurrency: 1 });
  await eventually(waiting).toBe(1);
  const first = await held.delay();
  await eventually(() => first.state()).toBe('STARTED');
  // A wait for a job lasts five seconds.
  await expect.poll(waiting, { timeout: 3_000 }).toBe(0);
  await stage.worker(app, { concurrency: 1 });
  for (let at = 0; at < 20; at += 1) expect(await echo.delay(at).get({ timeout: '10s' })).toBe(at);
  // The second one, when it has looked whether there is more.
  await eventually(waiting).toBe(1);
  const second = await held.delay();
  await eventually(() => second.state()).toBe('STARTED');
  await eventually(waiting).toBe(0);
  gate.open();
  await Promise.all([first.get({ timeout: '10s' }), second.get({ timeout: '10s' })]);
  await eventually(waiting).toBe(2);
});
