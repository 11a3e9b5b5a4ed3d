/** The App of the pools, and workers for it in this process, whose children load the App by themselves. */
import { fileURLToPath } from 'node:url';
import type { Embedded } from 'dtask/embedded';
import { testEngine, testWorker } from 'dtask/testing';
import type { Worker, WorkerOptions } from 'dtask/worker';
import { Trace } from '../support/trace.js';

type Tasks = typeof import('../fixtures/pools/app.js');

/** Where the App's module is. */
export const module = {
  file: fileURLToPath(new URL('../fixtures/pools/app.ts', import.meta.url)),
  preload: new URL('../../apps/dtask/dist/register.js', import.meta.url).href,
};

/** Opened before a file's tests, closed behind them. */
export class Crew {
  readonly engine: Embedded;
  readonly tasks: Tasks;
  readonly trace: Trace;
  readonly #workers = new Set<Worker>();

  private constructor(engine: Embedded, tasks: Tasks, trace: Trace) {
    this.engine = engine;
    this.tasks = tasks;
    this.trace = trace;
  }

  static async open(): Promise<Crew> {
    const engine = await testEngine();
    const trace = new Trace();
    Object.assign(process.env, { TRACE_DIR: trace.dir, DTASK_BROKER_URL: engine.url });
    return new Crew(engine, await import('../fixtures/pools/app.js'), trace);
  }

  /** Starts a worker that takes tasks. */
  async worker(options: WorkerOptions): Promise<Worker> {
    const worker = await testWorker(this.tasks.app, {
      name: `w${this.#workers.size}`,
      module,
      ...options,
    });
    this.#workers.add(worker);
    return worker;
  }

  /** Ends the workers of a test. */
  async dismiss(): Promise<void> {
    const workers = [...this.#workers];
    this.#workers.clear();
    await Promise.all(workers.map((worker) => worker.stop({ force: true })));
    await Promise.all(workers.map((worker) => worker.stop()));
  }

  async close(): Promise<void> {
    await this.dismiss();
    await this.tasks.app.close();
    await this.engine.stop();
    this.trace[Symbol.dispose]();
  }
}
