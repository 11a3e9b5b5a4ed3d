/** Tasks that kill the process that they run in, among many that do not. */
import { describe, expect, it } from 'vitest';
import { engine } from '../support/own-engine.js';
import { report } from '../support/report.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorkerSoon, type WorkerProcess } from '../support/worker-process.js';

/** Keeps a worker running, whatever ends it. */
class Watched {
  deaths = 0;
  #stopped = false;
  #worker: WorkerProcess;

  constructor(start: () => WorkerProcess) {
    this.#worker = start();
    const watch = (worker: WorkerProcess): void => {
      void worker.ended.then(() => {
        if (this.#stopped) return;
        this.deaths += 1;
        this.#worker = start();
        watch(this.#worker);
      });
    };
    watch(this.#worker);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#worker.kill();
  }
}

describe.each(['inline', 'threads', 'processes'] as const)(
  '4 poisonous tasks of 400, in a pool of kind %s',
  (pool) => {
    it('fail, and no other does', { timeout: 120_000 }, async () => {
      const stage = setStage(engine.url);
      const { app, trace } = stage;
      const env = stage.environment();
      const flags = ['-P', pool, '-c', pool === 'inline' ? '10' : '2', '-l', 'warn'];
      const workers = [0, 1].map(
        () => new Watched(() => startWorkerSoon({ app: 'pools/app.ts', env, flags })),
      );
      try {
        const calls = Array.from({ length: 400 }, (_, n) =>
          n % 100 === 50 ? app.sendTask('kill.itself', ['poison']) : app.sendTask('add', [n, 1]),
        );
        const ends = await Promise.all(
          calls.map((call) => call.get({ timeout: '100s', propagate: false })),
        );
        const innocent = ends.filter((_, n) => n % 100 !== 50);
        expect(innocent).toEqual(
          Array.from({ length: 400 }, (_, n) => n + 1).filter((_, n) => n % 100 !== 50),
        );
        const poison = ends.filter((_, n) => n % 100 === 50);
        for (const end of poison) expect(end).toMatchObject({ name: 'WorkerLostError' });
        // One that shared a process with another of them may not have begun when that died.
        expect(trace.starts('poison').length).toBeLessThanOrEqual(4 * 3);
        // A caller has the outcome a moment before its job is among the failed ones.
        await until(
          '4 tasks are kept as failed',
          async () => (await app.queues.counts('default')).failed === 4,
        );
        report(`4 poisonous tasks of 400, ${pool}`, {
          'innocent tasks that failed': 0,
          'workers that died': workers.reduce((sum, { deaths }) => sum + deaths, 0),
        });
      } finally {
        await Promise.all(workers.map((worker) => worker.stop()));
      }
    });
  },
);
