/** A job that is executed now. */
import type { Job } from 'bullmq';
import type { Run } from './run.js';

/** A job, and what has become of it so far. */
export interface Current {
  readonly job: Job;
  readonly token: string;
  readonly queue: string;
  run: Run | undefined;
  /** Whether it went back to its queue: what the task still does counts no more. */
  handedBack: boolean;
}

/** What hooks are told of where a message is. */
export const at = ({ queue, job }: Current): { queue: string; retries: number } => ({
  queue,
  retries: job.attemptsMade,
});
