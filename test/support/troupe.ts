/** Workers in processes of their own, by name, that run the `app.ts` of a folder, with an App to send from. */
import type { App } from 'dtask';
import { Stage, type StageOptions } from './stage.js';
import type { Trace } from './trace.js';
import { WorkerProcess } from './worker-process.js';

/** Gathered before a file's tests, disbanded behind them. */
export class Troupe {
  readonly stage: Stage;
  readonly #folder: string;
  readonly #workers = new Map<string, WorkerProcess>();

  /** @param url where the engine is; `options` are those of the App to send from */
  constructor(url: string, folder: string, options?: StageOptions) {
    this.stage = new Stage(url, options);
    this.#folder = folder;
  }

  /** The App that sends and asks; nothing runs in it. */
  get app(): App {
    return this.stage.app;
  }

  get prefix(): string {
    return this.stage.prefix;
  }

  /** What tasks leave behind, and the gates that hold them. */
  get trace(): Trace {
    return this.stage.trace;
  }

  /** Starts a worker; resolves when it takes tasks. */
  async hire(name: string, flags: readonly string[] = ['-c', '2']): Promise<WorkerProcess> {
    const worker = new WorkerProcess({
      app: 'app.ts',
      cwd: this.#folder,
      env: this.stage.environment(),
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

  /** Ends all that it started. */
  async disband(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.kill()));
    await this.stage.strike();
  }
}
