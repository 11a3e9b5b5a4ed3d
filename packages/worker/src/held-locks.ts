/** The locks of the jobs that a worker has of one queue: renewed, and given up where somebody else has the job. */
import type { JobLock, LockState } from './job-lock.js';

/** What held locks need of their queue. */
export interface HeldLocksPlace {
  /** Renews locks, and takes those anew that have lapsed. */
  readonly renew: (locks: readonly JobLock[]) => Promise<readonly LockState[]>;
  /** BullMQ's list of the jobs whose locks it renews, of which it knows the tokens. */
  readonly tracked: () => ReadonlyMap<string, { readonly token: string }>;
  readonly untrack: (id: string) => void;
  /** Hears once of each that is lost. */
  readonly onLost: (lock: JobLock) => void;
}

export class HeldLocks {
  readonly #place: HeldLocksPlace;
  /** Those of jobs that run for longer than a turn of the event loop, by id. */
  readonly #held = new Map<string, JobLock>();

  constructor(place: HeldLocksPlace) {
    this.#place = place;
  }

  /** Has a lock renewed until it is let go. */
  hold(lock: JobLock): void {
    this.#held.set(lock.job.id as string, lock);
  }

  /** Renews those of jobs that run, by their ids and tokens. */
  async renew(ids: readonly string[], tokens: readonly string[]): Promise<void> {
    // What has ended meanwhile needs none.
    const locks = ids.flatMap((id, at) => {
      const lock = this.#held.get(id);
      return lock && lock.token === tokens[at] ? [lock] : [];
    });
    if (locks.length === 0) return;
    const states = await this.#place.renew(locks);
    for (const [at, lock] of locks.entries()) if (states[at] === 'lost') this.lose(lock);
  }

  /** Renews a lock no more. A later run of the same job may be here as well. */
  letGo(lock: JobLock): void {
    const { tracked, untrack } = this.#place;
    const id = lock.job.id as string;
    if (tracked().get(id)?.token === lock.token) untrack(id);
    if (this.#held.get(id) === lock) this.#held.delete(id);
  }

  /** Somebody else has the job: nothing that its run here gives counts. */
  lose(lock: JobLock): void {
    lock.isLost = true;
    this.letGo(lock);
    if (lock.isTold) return;
    lock.isTold = true;
    this.#place.onLost(lock);
  }
}
