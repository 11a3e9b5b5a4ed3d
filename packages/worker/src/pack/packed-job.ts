/** A call of a pack, to those who end jobs: what they ask of one, and where they put it. */
import type { Job } from 'bullmq';
import type { Message } from '@dtask/core/internal';

/**
 * Stands in for the job that the call has not: whoever ends tasks treats it as one, and what they had
 * BullMQ do with it is done when they have thrown.
 */
export class PackedJob {
  readonly id: string;
  readonly name: string;
  readonly timestamp: number;
  readonly attemptsMade = 0;
  readonly stalledCounter = 0;
  readonly priority = 0;
  readonly opts: Job['opts'] = {};
  /** How many times it has killed the process that it ran in. */
  crashes = 0;
  readonly message: Message;
  /** Other arguments for its next run, encoded, where the task asked for them. */
  args: readonly unknown[] | undefined;

  /** @param timestamp when it was sent, in milliseconds since 1970 */
  constructor(message: Message, timestamp: number) {
    this.id = message.id;
    this.name = message.name;
    this.timestamp = timestamp;
    this.message = message;
  }

  /** As a job, for all that takes one. */
  get job(): Job {
    return this as unknown as Job;
  }

  /** Where it goes is the pack's to do. */
  moveToWait(): Promise<void> {
    return Promise.resolve();
  }
}

/** Whether what stands for a job is a call of a pack. */
export const isPacked = (job: Job | PackedJob): job is PackedJob => job instanceof PackedJob;

/** Counts the crash of a packed call; gives nothing for a job that BullMQ has. */
export function countPacked(job: Job | PackedJob): number | undefined {
  if (!(job instanceof PackedJob)) return undefined;
  job.crashes += 1;
  return job.crashes;
}
