/** A job that is executed now. */
import type { Job } from 'bullmq';
import type { Message } from '@dtask/core/internal';
import type { Performance } from './pool/pool.js';
import type { Revoked } from './revoked.js';

/** A job, and what has become of it so far. */
export interface Current {
  readonly job: Job;
  readonly token: string;
  /** The queue that has it. */
  readonly source: string;
  /** The queue that it was sent to: of a broadcast, each worker has one of its own. */
  readonly queue: string;
  /** What it carries, when that has been read. */
  message: Message | undefined;
  /** Its task, while that runs. */
  performance: Performance | undefined;
  /** When its task began, in milliseconds since 1970; 0 before that. */
  began: number;
  /** That it was revoked, if it was. */
  revoked: Revoked | undefined;
}

export const newCurrent = (job: Job, token: string, source: string, queue: string): Current => ({
  job,
  token,
  source,
  queue,
  message: undefined,
  performance: undefined,
  began: 0,
  revoked: undefined,
});

/** What hooks are told of where a message is. */
export const at = ({ queue, job }: Current): { queue: string; retries: number } => ({
  queue,
  retries: job.attemptsMade,
});
