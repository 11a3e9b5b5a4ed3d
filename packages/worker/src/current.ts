/** A job that is executed now. */
import type { Job } from 'bullmq';
import type { Message } from '@dtask/core/internal';
import type { Performance } from './pool/pool.js';

export interface Current {
  readonly job: Job;
  readonly token: string;
  readonly queue: string;
  /** What it carries, when that has been read. */
  message: Message | undefined;
  /** Its task, while that runs. */
  performance: Performance | undefined;
  /** When its task began, in milliseconds since 1970; 0 before that. */
  began: number;
  /** Why it was revoked, if it was. */
  revoked: string | undefined;
}

export const newCurrent = (job: Job, token: string, queue: string): Current => ({
  job,
  token,
  queue,
  message: undefined,
  performance: undefined,
  began: 0,
  revoked: undefined,
});
