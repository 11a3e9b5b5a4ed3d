/**
 * The four experiments in which Celery on Redis runs a task several times or loses it: a due date or
 * a run beyond the visibility timeout, and workers that are killed. There is no such timeout here.
 */
import { expect, it } from 'vitest';
import { engine } from '../support/own-engine.js';
import { report } from '../support/report.js';
import { setStage, type Stage } from '../support/stage.js';
import { startWorker, type WorkerProcess } from '../support/worker-process.js';

/** Locks far shorter than what the tasks take. */
const short = ['--lock-duration', '1s', '--stalled-interval', '500ms'];

function pair(stage: Stage, ...flags: string[]): Promise<WorkerProcess[]> {
  const setup = { app: 'pools/app.ts', env: stage.environment(), flags: [...short, ...flags] };
  return Promise.all([startWorker(setup), startWorker(setup)]);
}

it('a task that is due far beyond the locks of two workers runs once', async () => {
  const stage = setStage(engine.url);
  await pair(stage);
  stage.trace.open('due');
  const result = stage.app.sendTask('gated', ['due', 1], { countdown: '6s' });
  expect(await result.get({ timeout: '25s' })).toBe(1);
  expect(stage.trace.starts('due')).toHaveLength(1);
  report('due in 6 s, locks of 1 s, two workers', { 'runs of the task': 1 });
});

it.each(['inline', 'processes'])(
  'a task that runs far beyond its lock runs once: %s',
  async (pool) => {
    const stage = setStage(engine.url);
    await pair(stage, '-P', pool);
    const result = stage.app.sendTask('burn', ['long', 6_000]);
    expect(await result.get({ timeout: '25s' })).toBe(true);
    expect(stage.trace.starts('long')).toHaveLength(1);
    report(`6 s of CPU, locks of 1 s, two workers, ${pool}`, { 'runs of the task': 1 });
  },
);

it.each(['inline', 'processes'])(
  'a task whose workers are all killed runs again when one comes back: %s',
  async (pool) => {
    const stage = setStage(engine.url);
    const workers = await pair(stage, '-P', pool);
    const result = stage.app.sendTask('gated', ['killed', 1]);
    await stage.trace.started('killed');
    await Promise.all(workers.map((worker) => worker.kill()));
    stage.trace.open('killed');
    await pair(stage, '-P', pool);
    expect(await result.get({ timeout: '25s' })).toBe(1);
    // The run that was cut short, and the one that counts.
    expect(stage.trace.starts('killed')).toHaveLength(2);
    report(`both workers killed while a task ran, ${pool}`, { 'runs of the task': 2, lost: 0 });
  },
);

it('a task that is delivered at most once, and whose workers are killed, fails and says so', async () => {
  const stage = setStage(engine.url);
  const workers = await pair(stage);
  const result = stage.app.sendTask('gated.once', ['early']);
  await stage.trace.started('early');
  await Promise.all(workers.map((worker) => worker.kill()));
  await pair(stage);
  expect(await result.get({ timeout: '25s', propagate: false })).toMatchObject({
    name: 'WorkerLostError',
  });
  expect(stage.trace.starts('early')).toHaveLength(1);
});
