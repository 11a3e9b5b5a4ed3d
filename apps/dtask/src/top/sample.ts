/** One look at an app: what its workers answer, what its queues have, what failed last. */
import type { ActiveTask, Answers, App, QueueCounts, WorkerStats } from '@dtask/core';
import { redactAddress } from '@dtask/core/internal';
import { type FailureRow, LatestFailures } from './latest-failures.js';

/** A worker that has answered before and does not now. */
export interface SilentWorker {
  /** What it said last. */
  readonly facts: WorkerStats;
  /** When that was, as `at`. */
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

/** A worker that has been silent for so long is not remembered, in milliseconds. */
const forgotten = 60_000;

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
    // First: where Redis is away, this says so best.
    const names = await this.#app.queues.names();
    const at = performance.now();
    const [stats, active, counts] = await Promise.all([
      inspect.stats(),
      inspect.active(),
      this.#counts(names),
    ]);
    const failures = await this.#failures.read(counts);
    return {
      at,
      date: Date.now(),
      broker: redactAddress(config.broker),
      stats,
      active,
      silent: this.#silent(stats, at),
      counts,
      failures,
    };
  }

  async #counts(names: readonly string[]): Promise<Map<string, QueueCounts>> {
    const { queues } = this.#app;
    return new Map(
      await Promise.all(names.map(async (name) => [name, await queues.counts(name)] as const)),
    );
  }

  #silent(stats: Answers<WorkerStats>, at: number): Map<string, SilentWorker> {
    for (const [name, facts] of Object.entries(stats))
      if ('pid' in facts) this.#heard.set(name, { facts, since: at });
    for (const [name, { since }] of this.#heard)
      if (at - since > forgotten) this.#heard.delete(name);
    return new Map([...this.#heard].filter(([, { since }]) => since < at));
  }
}
