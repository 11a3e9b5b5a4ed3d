/** A job that is executed now. */
import type { Job } from 'bullmq';
import type { Message } from '@dtask/core/internal';
import type { JobLock } from './job-lock.js';
import type { JobOutcome } from './outcome-writer.js';
import type { Performance } from './pool/pool.js';
import type { Revoked } from './revoked.js';

/** A job, and what has become of it so far. */
export interface Current {
  readonly job: Job;
  /** Its lock; of a call in a pack, that of the pack. */
  readonly lock: JobLock;
  /** The queue that has it. */
  readonly source: string;
  /** The queue that it was sent to: of a broadcast, each worker has one of its own. */
  readonly queue: string;
  /** What it carries, when that has been read. */
  message: Message | undefined;
  /** What its run was given, once that has begun: also with the values of a group before it. */
  running: Message | undefined;
  /** Its task, while that runs. */
  performance: Performance | undefined;
  /** When its task began, in milliseconds since 1970; 0 before that. */
  began: number;
  /** That it was revoked, if it was. */
  revoked: Revoked | undefined;
  /** What was last written of it to be stored. */
  written: JobOutcome | undefined;
}

export const newCurrent = (job: Job, lock: JobLock, source: string, queue: string): Current => ({
  job,
  lock,
  source,
  queue,
  message: undefined,
  running: undefined,
  performance: undefined,
  began: 0,
  revoked: undefined,
  written: undefined,
});

/** What hooks are told of where a message is. */
export const at = ({ queue, job }: Current): { queue: string; retries: number } => ({
  queue,
  retries: job.attemptsMade,
});
