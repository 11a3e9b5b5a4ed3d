/** Many tasks while workers are killed and Redis is restarted: every one ends, with the right result. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { setTimeout as delay } from 'node:timers/promises';
import { Engine, hasNative, needsNative } from '../support/engine.js';
import { findLeaks } from '../support/leaks.js';
import { report } from '../support/report.js';
import { setStage, type Stage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorker, startWorkerSoon, type WorkerProcess } from '../support/worker-process.js';

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start({ keep: hasNative });
});
afterAll(() => engine[Symbol.asyncDispose]());

const tasks = 600;
const concurrency = 4;
const rounds = 5;

it(
  '600 tasks survive 5 killed workers and a restart of Redis',
  { timeout: 90_000 },
  async ({ skip }) => {
    if (!hasNative) skip(needsNative);
    const stage = setStage(engine.url, { sendTimeout: '20s' });
    const setup = { env: stage.environment(), flags: ['-c', String(concurrency)] };
    const workers = await Promise.all([startWorker(setup), startWorker(setup)]);
    const start = performance.now();
    const values = send(stage);
    await disturb(workers, () => startWorkerSoon(setup));
    expect(await values).toEqual([...Array(tasks).keys()].map((x) => x * 3 + 1));
    const took = performance.now() - start;

    const runs = stage.trace.starts('soak');
    const again = runs.length - tasks;
    report(`soak of ${tasks} tasks, ${rounds} SIGKILLs, 1 Redis restart`, {
      'done after ms': took,
      'runs more than tasks': again,
    });
    expect(new Set(runs.map(({ id }) => id)).size).toBe(tasks);
    // What a killed worker had in hand, and what two workers had when Redis went away.
    expect(again).toBeLessThanOrEqual((rounds + 2) * concurrency);
    expect(took).toBeLessThan(40_000);
    await until('the queue is empty', async () => {
      const { waiting, delayed, active, failed } = await stage.app.queues.counts('default');
      return waiting + delayed + active + failed === 0;
    });
    expect(await findLeaks(stage.redis, stage.prefix)).toEqual([]);
  },
);

/** Sends the tasks over about twelve seconds, so that every fault meets some; gives their results. */
async function send({ app }: Stage): Promise<unknown[]> {
  const values: Promise<unknown>[] = [];
  for (let x = 0; x < tasks; x++) {
    values.push(app.sendTask('nap', ['soak', 5 + ((x * 7) % 26), x]).get({ timeout: '60s' }));
    await delay(20);
  }
  return Promise.all(values);
}

/** Kills a worker about every two seconds and puts another in its place; once, Redis goes as well. */
async function disturb(workers: WorkerProcess[], another: () => WorkerProcess): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    // The pace of the faults is the given of this test.
    await delay(2_000);
    await workers[round % workers.length]?.kill();
    workers[round % workers.length] = another();
    if (round !== 2) continue;
    await engine.stop();
    await engine.back();
  }
  await Promise.all(workers.map((worker) => worker.ready()));
}
