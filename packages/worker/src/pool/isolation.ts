/** Children for tasks that may have killed a worker: started when there are any, ended when there are none. */
import type { ChildPool } from './child-pool.js';
import type { Performance, Pool, Work } from './pool.js';

/** How long the children are kept when their last task has ended, in milliseconds. */
const peaceful = 30_000;

/** A pool that is there while it has tasks. */
export class Isolation implements Pool {
  readonly kind = 'processes';
  readonly #make: () => ChildPool;
  #pool: ChildPool | undefined;
  #running = 0;
  #peace: NodeJS.Timeout | undefined;

  /** @param make makes the pool, which is not started */
  constructor(make: () => ChildPool) {
    this.#make = make;
  }

  start(work: Work): Performance {
    clearTimeout(this.#peace);
    this.#running += 1;
    const performance = this.#opened.start(work);
    void Promise.resolve(performance.report).then(() => this.#onEnd());
    return performance;
  }

  get #opened(): ChildPool {
    if (!this.#pool) {
      this.#pool = this.#make();
      // What keeps it from starting is told by the pool.
      this.#pool.open().catch(() => undefined);
    }
    return this.#pool;
  }

  #onEnd(): void {
    this.#running -= 1;
    if (this.#running > 0) return;
    this.#peace = setTimeout(() => {
      void this.stop();
      this.#pool = undefined;
    }, peaceful).unref();
  }

  /** How many of its children have loaded the app. */
  get loaded(): number {
    return this.#pool?.loaded ?? 0;
  }

  resize(size: number): void {
    this.#pool?.resize(size);
  }

  /** Replaces its children: they load the app anew. */
  restart(): void {
    this.#pool?.restart();
  }

  /** The worker is about to stop: tasks for which no child will come go back to their queues. */
  leave(): void {
    this.#pool?.leave();
  }

  stats(): ReturnType<Pool['stats']> {
    return this.#pool?.stats() ?? { implementation: this.kind };
  }

  async stop(force = false): Promise<void> {
    clearTimeout(this.#peace);
    await this.#pool?.stop(force);
  }
}
