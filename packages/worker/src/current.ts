/** A job that is executed now. */
import type { Job } from 'bullmq';
import type { Run } from './run.js';

export interface Current {
  readonly job: Job;
  readonly token: string;
  readonly queue: string;
  run: Run | undefined;
  /** Whether it went back to its queue: what the task still does counts no more. */
  handedBack: boolean;
}
