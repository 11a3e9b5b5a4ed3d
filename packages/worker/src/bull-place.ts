/** What surrounds a worker of BullMQ's. */
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { JobLock } from './job-lock.js';
import type { OutcomeWriter } from './outcome-writer.js';
import type { LifeSign } from './life-sign.js';
import type { Refusals } from './refusals.js';
import type { Slots } from './slots.js';

/** What a BullWorker needs of its worker. */
export interface BullPlace {
  readonly connection: Redis;
  /** Executes a job: throws, at once or by its promise, where the job is not to be completed. */
  readonly execute: (job: Job, lock: JobLock) => Promise<void> | undefined;
  /** Writes outcomes, behind which the jobs are completed. */
  readonly writer: OutcomeWriter;
  /** By what the tokens of its locks name the worker. */
  readonly sign: LifeSign;
  /** No job is fetched without one. */
  readonly slots: Slots;
  /** Whether children are to get the messages as they came. */
  readonly keepTexts: boolean;
  /** What Redis refuses of the ends of jobs. */
  readonly refusals: Refusals;
  /** Hears once of each job that somebody else has by now: what its run here gives is dropped. */
  readonly onLost: (job: Job) => void;
}
