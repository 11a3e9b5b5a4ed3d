/** What the tests of the seams stand on: an engine, the App of `fixtures/seams`, and workers in this process. */
import { fileURLToPath } from 'node:url';
import type { App } from 'dtask';
import type { Embedded } from 'dtask/embedded';
import { testEngine, testWorker } from 'dtask/testing';
import type { Worker, WorkerOptions } from 'dtask/worker';
import { Redis } from 'ioredis';
import { Trace } from '../support/trace.js';

type Tasks = typeof import('../fixtures/seams/app.js');

/** Where the App's module is. */
export const module = {
  file: fileURLToPath(new URL('../fixtures/seams/app.ts', import.meta.url)),
  preload: new URL('../../apps/dtask/dist/register.js', import.meta.url).href,
};

/** The pools. */
export const pools = ['inline', 'threads', 'processes'] as const;

/** Longest that a get() waits. */
export const soon = { timeout: '20s' } as const;
/** Longest that answers of workers are waited for. */
export const long = { timeout: '20s' } as const;

/** Opened before a file's tests, closed behind them. */
export class Crew {
  readonly engine: Embedded;
  readonly tasks: Tasks;
  readonly trace: Trace;
  /** A connection of its own, which sees what is really in Redis. */
  readonly redis: Redis;
  readonly #workers = new Set<Worker>();

  private constructor(engine: Embedded, tasks: Tasks, trace: Trace) {
    this.engine = engine;
    this.tasks = tasks;
    this.trace = trace;
    this.redis = new Redis(engine.url);
  }

  static async open(): Promise<Crew> {
    const engine = await testEngine();
    const trace = new Trace();
    Object.assign(process.env, { TRACE_DIR: trace.dir, DTASK_BROKER_URL: engine.url });
    return new Crew(engine, await import('../fixtures/seams/app.js'), trace);
  }

  get app(): App {
    return this.tasks.app;
  }

  /** Starts a worker that takes tasks. */
  async worker(options: WorkerOptions): Promise<Worker> {
    const name = `w${this.#workers.size}`;
    const worker = await testWorker(this.app, { name, module, ...options });
    this.#workers.add(worker);
    return worker;
  }

  /** Ends the workers of a test, with what runs in them. */
  async dismiss(): Promise<void> {
    const workers = [...this.#workers];
    this.#workers.clear();
    await Promise.all(workers.map((worker) => worker.stop({ force: true })));
    await this.redis.flushall();
  }

  async close(): Promise<void> {
    await this.dismiss();
    await this.app.close();
    this.redis.disconnect();
    await this.engine.stop();
    this.trace[Symbol.dispose]();
  }
}
