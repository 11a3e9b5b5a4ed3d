/** One look at an app: what its workers answer, what its queues have, what failed last. */
import type { ActiveTask, Answers, App, QueueCounts, WorkerStats } from '@dtask/core';
import { redactAddress } from '@dtask/core/internal';
import { type FailureRow, LatestFailures } from './latest-failures.js';

/** A worker that lives and does not answer: it is too busy, cut off, or was killed just now. */
export interface SilentWorker {
  /** What it said last, where it has. */
  readonly facts: WorkerStats | undefined;
  /** When that was, or when it was first missed: as `at`. */
  readonly since: number;
}

/** What a look found. */
export interface Sample {
  /** In milliseconds, of a clock that is never set. */
  readonly at: number;
  /** In milliseconds since 1970. */
  readonly date: number;
  readonly broker: string;
  readonly stats: Answers<WorkerStats>;
  readonly active: Answers<readonly ActiveTask[]>;
  readonly silent: ReadonlyMap<string, SilentWorker>;
  /** By the queue's name, in the order of names. */
  readonly counts: ReadonlyMap<string, QueueCounts>;
  readonly failures: readonly FailureRow[];
}

/** Looks at an app, and remembers what the next look need not ask for. */
export class Sampler {
  readonly #app: App;
  readonly #failures: LatestFailures;
  readonly #heard = new Map<string, SilentWorker>();

  constructor(app: App) {
    this.#app = app;
    this.#failures = new LatestFailures(app);
  }

  /**
   * Looks. It takes as long as the slowest worker, a second at most.
   *
   * @throws BrokerError when Redis does not answer
   */
  async look(): Promise<Sample> {
    const { inspect, config } = this.#app;
    // First: where Redis is away, this says so best. And the first count loads BullMQ, which would
    // hold this process up while workers answer.
    const counts = await this.#counts();
    const at = performance.now();
    const [stats, active] = await Promise.all([inspect.stats(), inspect.active()]);
    // Behind the answers: a worker that has stopped meanwhile is not missed.
    const [live, failures] = await Promise.all([inspect.live(), this.#failures.read(counts)]);
    return {
      at,
      date: this.#app.queues.shards.main.clock.now(),
      broker: redactAddress(config.broker),
      stats,
      active,
      silent: this.#missing(live, stats, at),
      counts,
      failures,
    };
  }

  async #counts(): Promise<Map<string, QueueCounts>> {
    const { queues } = this.#app;
    const names = await queues.names();
    return new Map(
      await Promise.all(names.map(async (name) => [name, await queues.counts(name)] as const)),
    );
  }

  /** Those that live and have not answered. Those that have gone are forgotten. */
  #missing(
    live: readonly string[],
    stats: Answers<WorkerStats>,
    at: number,
  ): Map<string, SilentWorker> {
    const missing = new Map<string, SilentWorker>();
    for (const name of live) {
      const heard = stats[name] && 'pid' in stats[name] ? stats[name] : undefined;
      if (!heard) missing.set(name, this.#heard.get(name) ?? { facts: undefined, since: at });
    }
    this.#heard.clear();
    for (const [name, facts] of Object.entries(stats))
      if ('pid' in facts) this.#heard.set(name, { facts, since: at });
    for (const [name, silent] of missing) this.#heard.set(name, silent);
    return missing;
  }
}
