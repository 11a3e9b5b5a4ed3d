/** What the job runs on: the embedded engine and two worker processes, gone again afterwards. */
import { type Embedded, startEmbedded } from 'dtask/embedded';
import { WorkerProcess } from './worker-process.js';

/** A running engine and its workers. */
export class Cluster implements AsyncDisposable {
  readonly engine: Embedded;
  readonly workers: readonly WorkerProcess[];
  readonly #broken: Promise<never>;

  private constructor(engine: Embedded, workers: readonly WorkerProcess[], signal: AbortSignal) {
    this.engine = engine;
    this.workers = workers;
    this.#broken = Promise.race([
      whenAborted(signal),
      engine.lost.then((error) => {
        throw error;
      }),
      ...workers.map((worker) => worker.unexpectedEnd()),
    ]);
    // It is waited for only while something is done.
    this.#broken.catch(() => undefined);
  }

  /**
   * Starts an engine that keeps nothing on disk, and workers with these names.
   *
   * @param signal ends whatever is done on the cluster
   * @param tell hears what has started
   */
  static async start(
    names: readonly string[],
    signal: AbortSignal,
    tell: (what: string, text: string) => void,
  ): Promise<Cluster> {
    const engine = await startEmbedded({ dir: false });
    tell('engine', `${engine.engine} ${engine.version}, embedded, on port ${engine.port}`);
    const cluster = new Cluster(
      engine,
      names.map((name) => new WorkerProcess(name, engine.url)),
      signal,
    );
    try {
      const started = cluster.workers.map(async (worker) => {
        await worker.ready();
        tell('worker', `${worker.name} is ready, pid ${worker.pid}`);
      });
      await cluster.during(Promise.all(started));
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Waits for work that is done on the cluster, and no longer than the cluster is whole. */
  during<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#broken]);
  }

  /** Ends the workers, then the engine. */
  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()));
    await this.engine.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
