/** The latest failures of an app, of which each is read once. */
import type { App, FailedTask, QueueCounts } from '@dtask/core';
import { reasonOf } from '@dtask/core/internal';

/** A task that has failed for good. */
export interface FailureRow {
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  readonly error: string;
  readonly at: Date;
  readonly worker?: string;
}

/** How many are kept. */
const most = 30;
/** Longest error that is kept: a message may be megabytes. */
const longest = 500;

/** Reads those that are new. All are read anew where some are gone: retried by hand, or dropped. */
export class LatestFailures {
  readonly #app: App;
  #rows: readonly FailureRow[] = [];
  #count = 0;

  constructor(app: App) {
    this.#app = app;
  }

  /** @param counts of all queues: where none has failed tasks, nothing is asked for */
  async read(counts: ReadonlyMap<string, QueueCounts>): Promise<readonly FailureRow[]> {
    let count = 0;
    for (const { failed } of counts.values()) count += failed;
    if (count < this.#count) this.#rows = [];
    if (count > 0) this.#rows = await this.#readNew();
    this.#count = count;
    return this.#rows;
  }

  async #readNew(): Promise<FailureRow[]> {
    const known = this.#rows[0];
    const found: FailureRow[] = [];
    const filter = { limit: most, ...(known && { since: known.at }) };
    for await (const failed of this.#app.failed.list(filter)) found.push(rowOf(failed));
    // A task that was retried by hand and has failed again is there once.
    const fresh = new Set(found.map(({ id }) => id));
    return [...found, ...this.#rows.filter(({ id }) => !fresh.has(id))].slice(0, most);
  }
}

function rowOf({ id, task, queue, error, damaged, failedAt, worker }: FailedTask): FailureRow {
  return {
    id,
    task,
    queue,
    error: (damaged === undefined ? reasonOf(error) : `damaged: ${damaged}`).slice(0, longest),
    at: failedAt,
    ...(worker !== undefined && { worker }),
  };
}
