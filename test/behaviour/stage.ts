/** What one test file runs on: an engine, and the Apps, workers and connections that use it. */
import { App, type AppOptions } from 'dtask';
import type { Embedded } from 'dtask/embedded';
import { testEngine, testWorker } from 'dtask/testing';
import type { Worker, WorkerOptions } from 'dtask/worker';
import { Redis } from 'ioredis';

/** Opened before a file's tests, closed behind them. */
export class Stage {
  readonly engine: Embedded;
  /** A connection of its own, which sees what is really in Redis. */
  readonly redis: Redis;
  readonly #apps: App[] = [];
  readonly #workers: Worker[] = [];

  private constructor(engine: Embedded) {
    this.engine = engine;
    this.redis = new Redis(engine.url);
  }

  static async open(): Promise<Stage> {
    return new Stage(await testEngine());
  }

  /** An App whose keys no other App of the file sees. */
  app(options: AppOptions = {}): App {
    const prefix = `p${this.#apps.length}`;
    const app = new App('test', { broker: this.engine.url, prefix, ...options });
    this.#apps.push(app);
    return app;
  }

  /** A worker in this process. */
  async worker(app: App, options: WorkerOptions = {}): Promise<Worker> {
    const worker = await testWorker(app, { name: `worker-${this.#workers.length}`, ...options });
    this.#workers.push(worker);
    return worker;
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
    await Promise.all(this.#apps.map((app) => app.close()));
    this.redis.disconnect();
    await this.engine.stop();
  }
}

/** The key that holds the result of a task. */
export const resultKey = (app: App, id: string): string => `${prefixOf(app, id)}:r:${id}`;

/** The key of a message that waits, runs, or has failed. */
export const messageKey = (app: App, queue: string, id: string): string =>
  `${prefixOf(app, id)}:{${queue}}:${id}`;

/** What keys begin with: under DTASK_SHARDS those of a task with its shard. */
const prefixOf = (app: App, id: string): string => app.queues.shards.of(id).prefix;
