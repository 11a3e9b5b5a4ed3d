/** What the control tests stand on: workers in processes of their own, and an App to ask them from. */
import { fileURLToPath } from 'node:url';
import type { App } from 'dtask';
import { Engine } from '../support/engine.js';
import { Stage } from '../support/stage.js';
import { WorkerProcess } from '../support/worker-process.js';

/** The folder of the app. */
export const here = fileURLToPath(new URL('.', import.meta.url));

/** An engine and the workers on it. */
export class Crew implements AsyncDisposable {
  readonly engine: Engine;
  readonly stage: Stage;
  readonly #workers = new Map<string, WorkerProcess>();

  private constructor(engine: Engine) {
    this.engine = engine;
    this.stage = new Stage(engine.url);
  }

  /** Starts an engine and workers of these names. */
  static async open(...names: string[]): Promise<Crew> {
    const crew = new Crew(await Engine.start());
    try {
      await Promise.all(names.map((name) => crew.hire(name)));
      return crew;
    } catch (error) {
      await crew[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The App that asks; nothing runs in it. */
  get app(): App {
    return this.stage.app;
  }

  get prefix(): string {
    return this.stage.prefix;
  }

  /** Starts a worker; resolves when it takes tasks. */
  async hire(name: string, flags: readonly string[] = ['-c', '2']): Promise<WorkerProcess> {
    const env = this.stage.environment();
    const worker = new WorkerProcess({
      app: 'app.ts',
      cwd: here,
      env,
      flags: ['-n', name, ...flags],
    });
    this.#workers.set(name, worker);
    return worker.ready();
  }

  /** A worker by its name. */
  worker(name: string): WorkerProcess {
    const worker = this.#workers.get(name);
    if (!worker) throw new Error(`there is no worker ${name}`);
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.kill()));
    await this.stage.strike();
    await this.engine[Symbol.asyncDispose]();
  }
}
