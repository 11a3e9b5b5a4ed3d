/** The lock under which a worker has a job: whoever has it not any more ends nothing. */
import type { HeldLock } from '@dtask/core/internal';
import type { Job } from 'bullmq';

/** What became of a lock; `gone` where there is no such job at all, as in a Redis that has lost its data. */
export type LockState = 'held' | 'lost' | 'gone';

/** Renews a lock, and takes one anew that has lapsed where nobody else has taken the job since. */
export type Renew = (lock: JobLock) => Promise<LockState>;

/** Thrown where somebody else has the job, or it is not there any more: what its run gives is dropped. */
export class LockLost extends Error {
  constructor(id: string | undefined) {
    super(`the lock of task ${id} is not held any more`);
    this.name = 'LockLost';
  }
}

/** A job, and the token in its lock. */
export class JobLock implements HeldLock {
  readonly job: Job;
  readonly token: string;
  /** Somebody else has the job, for good. */
  isLost = false;
  /** Whether it was said that it is lost. */
  isTold = false;
  /** Why the job is left to others though it is held: its end could not be stored before the worker ended. */
  left: Error | undefined;
  readonly #renew: Renew;

  constructor(job: Job, token: string, renew: Renew) {
    this.job = job;
    this.token = token;
    this.#renew = renew;
  }

  get key(): string {
    return `${this.job.queueQualifiedName}:${this.job.id}:lock`;
  }

  /** Takes the lock anew where it has lapsed, if nobody else has the job. */
  async regain(): Promise<LockState> {
    if (this.isLost) return 'lost';
    const state = await this.#renew(this);
    this.isLost = state === 'lost';
    return state;
  }

  /** @throws LockLost where it is known to be lost; GivenUp where the job is left to others */
  check(): void {
    if (this.isLost) throw new LockLost(this.job.id);
    if (this.left) throw this.left;
  }
}
