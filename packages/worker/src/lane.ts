/** A slot of a worker in use, and the lock token of its jobs. */
import type { Completion } from './completion.js';
import type { Fetch } from './fetch.js';
import type { JobLock } from './job-lock.js';

/**
 * A lock token, and the commands under it. To make those costs more than to run a short task: so lanes
 * use the same tokens one after another, and never two at a time.
 */
export interface LockToken {
  readonly text: string;
  fetch: Fetch | undefined;
  completion: Completion | undefined;
}

/** One slot in use: it runs a job, then those that each completion brings along. */
export class Lane {
  /** That of all its jobs. */
  readonly token: LockToken;
  /** Resolves when no job is left. */
  readonly ended: Promise<void>;
  end: () => void = () => undefined;
  /** How many jobs it has run. */
  run = 0;
  /** That of the job that it has. */
  lock: JobLock | undefined;

  constructor(token: LockToken) {
    this.token = token;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }
}
