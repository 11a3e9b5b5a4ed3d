/** How much waits in a worker's queues. */
import type { App, QueueCounts } from '@dtask/core';
import { ownQueue } from '@dtask/core/internal';

/** However many ask, Redis is asked this often, in milliseconds. */
const freshness = 1_000;
/** Longest that an answer is waited for, in milliseconds: the other metrics must not wait for Redis. */
const patience = 1_000;

/** The counts of queues, by name. */
export type Depth = ReadonlyMap<string, QueueCounts>;

/** A worker, as far as its queues go. */
export interface Measured {
  readonly app: App;
  readonly name: string;
  readonly queues: readonly string[];
}

const none: Depth = new Map();

/** Reads the depths of queues, one request for each. */
export class Depths {
  readonly #worker: Measured;
  #depth: Promise<Depth> | undefined;
  #readAt = 0;

  constructor(worker: Measured) {
    this.#worker = worker;
  }

  /** The depths of about now; none where Redis does not say. */
  async read(): Promise<Depth> {
    if (!this.#depth || performance.now() - this.#readAt > freshness) {
      this.#readAt = performance.now();
      this.#depth = this.#ask();
    }
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<Depth>((resolve) => {
      timer = setTimeout(() => resolve(none), patience);
    });
    try {
      return await Promise.race([this.#depth, silence]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask(): Promise<Depth> {
    const { app, name: worker, queues } = this.#worker;
    try {
      return new Map(
        await Promise.all(
          queues.map(async (queue) => {
            // Of a broadcast each worker tells its own part: all of them would be asked for by all.
            const source = app.broadcast.includes(queue) ? ownQueue(queue, worker) : queue;
            return [queue, await app.queues.counts(source)] as const;
          }),
        ),
      );
    } catch {
      // No number is better than an old one.
      return none;
    }
  }
}
