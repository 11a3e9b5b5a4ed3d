/** An engine, an App of the fixtures, and workers in this process, whose children load the App by themselves. */
import { fileURLToPath } from 'node:url';
import type { App } from 'dtask';
import type { Embedded } from 'dtask/embedded';
import { testEngine, testWorker } from 'dtask/testing';
import type { Worker, WorkerOptions } from 'dtask/worker';
import { Redis } from 'ioredis';
import { Trace } from './trace.js';

/** Where the module of a fixture's App is, and what makes it readable to children. */
export const moduleOf = (fixture: string) => ({
  file: fileURLToPath(new URL(`../fixtures/${fixture}/app.ts`, import.meta.url)),
  preload: new URL('../../apps/dtask/dist/register.js', import.meta.url).href,
});

/** Opened before a file's tests, closed behind them. */
export class Crew<Tasks extends { readonly app: App }> {
  readonly engine: Embedded;
  readonly trace: Trace;
  /** A connection of its own, which sees what is really in Redis. */
  readonly redis: Redis;
  readonly tasks: Tasks;
  readonly #fixture: string;
  readonly #workers = new Set<Worker>();

  private constructor(engine: Embedded, trace: Trace, fixture: string, tasks: Tasks) {
    this.engine = engine;
    this.trace = trace;
    this.redis = new Redis(engine.url);
    this.#fixture = fixture;
    this.tasks = tasks;
  }

  /**
   * Starts an engine and loads the App, which finds the engine in the environment.
   *
   * @param fixture the folder of `fixtures/` that the App is in
   */
  static async open<Tasks extends { readonly app: App }>(
    fixture: string,
    load: () => Promise<Tasks>,
  ): Promise<Crew<Tasks>> {
    const engine = await testEngine();
    const trace = new Trace();
    Object.assign(process.env, { TRACE_DIR: trace.dir, DTASK_BROKER_URL: engine.url });
    return new Crew(engine, trace, fixture, await load());
  }

  get app(): App {
    return this.tasks.app;
  }

  /** Starts a worker that takes tasks. */
  async worker(options: WorkerOptions): Promise<Worker> {
    const name = `w${this.#workers.size}`;
    const module = moduleOf(this.#fixture);
    const worker = await testWorker(this.app, { name, module, ...options });
    this.#workers.add(worker);
    return worker;
  }

  /** Ends the workers of a test, with what runs in them. */
  async dismiss(): Promise<void> {
    const workers = [...this.#workers];
    this.#workers.clear();
    await Promise.all(workers.map((worker) => worker.stop({ force: true })));
    await Promise.all(workers.map((worker) => worker.stop()));
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
