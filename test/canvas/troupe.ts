/** What the canvas tests stand on: an engine, an App to send from, and two worker processes. */
import { fileURLToPath } from 'node:url';
import type { App } from 'dtask';
import { Engine } from '../support/engine.js';
import { Stage } from '../support/stage.js';
import type { Trace } from '../support/trace.js';
import { until } from '../support/until.js';
import { WorkerProcess } from '../support/worker-process.js';
import { readNotes } from './notes.js';
import { tasks } from './tasks.js';

const here = fileURLToPath(new URL('.', import.meta.url));

/** The longest that a canvas of these tests may take. */
export const soon = { timeout: '10s' } as const;

/** Two workers and what they need. */
export class Troupe implements AsyncDisposable {
  readonly engine: Engine;
  readonly #stage: Stage;
  readonly #workers: WorkerProcess[] = [];

  private constructor(engine: Engine) {
    this.engine = engine;
    this.#stage = new Stage(engine.url, { tasks });
  }

  static async open(): Promise<Troupe> {
    const troupe = new Troupe(await Engine.start());
    try {
      await troupe.#hire(2);
      return troupe;
    } catch (error) {
      await troupe[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #hire(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const env = this.#stage.environment();
      this.#workers.push(new WorkerProcess({ app: 'app.ts', cwd: here, env, flags: ['-c', '8'] }));
    }
    await Promise.all(this.#workers.map((worker) => worker.ready()));
  }

  /** The App that has the tasks; nothing runs in it. */
  get app(): App {
    return this.#stage.app;
  }

  get prefix(): string {
    return this.#stage.prefix;
  }

  /** Opens the gates of `gated`. */
  get trace(): Trace {
    return this.#stage.trace;
  }

  /** Resolves when all has ended but for `left` tasks: what was to be called has been called. */
  async quiet(left = 0): Promise<void> {
    await until(`${left} tasks are left`, async () => {
      const { waiting, delayed, active } = await this.app.queues.counts('default');
      return waiting + delayed + active === left;
    });
  }

  /** What tasks have noted under a mark, once nothing can come any more. */
  async notes(mark: string): Promise<unknown[]> {
    await this.quiet();
    return readNotes(this.#stage.redis, this.prefix, mark);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.kill()));
    await this.#stage.strike();
    await this.engine[Symbol.asyncDispose]();
  }
}
