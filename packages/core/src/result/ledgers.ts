/** Reads what the shards know of tasks: each is asked for its own. */
import { partBy } from '../part-by.js';
import type { JobState, Ledger, ResultLedger } from './ledger.js';

/** The ledgers of several shards. */
export class Ledgers implements ResultLedger {
  readonly #of: (id: string) => Ledger;

  /** @param of gives the one of a task's shard */
  constructor(of: (id: string) => Ledger) {
    this.#of = of;
  }

  read(id: string): Promise<string | null> {
    return this.#of(id).read(id);
  }

  findJob(id: string, queue?: string): Promise<JobState | undefined> {
    return this.#of(id).findJob(id, queue);
  }

  dueAt(id: string, queue: string): Promise<number | undefined> {
    return this.#of(id).dueAt(id, queue);
  }

  isIgnored(id: string, queue: string): Promise<boolean | undefined> {
    return this.#of(id).isIgnored(id, queue);
  }

  async forget(ids: readonly string[]): Promise<boolean> {
    const parts = partBy(ids, this.#of);
    const replies = await Promise.all([...parts].map(([ledger, some]) => ledger.forget(some)));
    return replies.includes(true);
  }
}
