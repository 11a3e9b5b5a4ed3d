/** Puts jobs where their ends say, as often as Redis refuses that. */
import { failureOf, reasonOf } from '@dtask/core/internal';
import { bullmq } from './bullmq.js';
import { FailedRun } from './failed-run.js';
import { type JobLock, LockLost } from './job-lock.js';
import type { OutcomeWriter } from './outcome-writer.js';
import { GivenUp, type Refusals } from './refusals.js';
import { underLock } from './under-lock.js';

/** How a job ended: well, or with an error. */
export interface Ended {
  readonly error?: unknown;
}

/** What ends jobs. */
export interface JobEndPlace {
  readonly writer: OutcomeWriter;
  readonly refusals: Refusals;
}

/**
 * Puts a job where its end says: nowhere, among the failed ones, or back to wait for another run. Where
 * the task has ended that is when its end is stored.
 *
 * @param fetchesNext whether the next job is to come with the reply
 * @returns what BullMQ gives: the next job, where there is one
 * @throws LockLost, GivenUp (rejects) where the job is not to be ended here any more
 */
export async function putAway(
  { writer, refusals }: JobEndPlace,
  lock: JobLock,
  ended: Ended,
  fetchesNext: () => boolean,
): Promise<unknown> {
  const { job, token } = lock;
  const { error } = ended;
  const hasEnded = !('error' in ended) || (error instanceof FailedRun && error.isEnd);
  if (hasEnded) await writer.stored();
  const { stacktrace } = job;
  const move = (): Promise<unknown> => {
    if (!('error' in ended)) return job.moveToCompleted(undefined, token, fetchesNext());
    // BullMQ adds to it each time.
    job.stacktrace = [...(stacktrace ?? [])];
    return job.moveToFailed(error as Error, token, fetchesNext());
  };
  try {
    return await underLock(lock, refusals, 'the end of a task', move);
  } catch (failure) {
    // It cannot be completed: the data is damaged, or those that it depends on have failed.
    if (failure instanceof LockLost || failure instanceof GivenUp || 'error' in ended)
      throw failure;
    const failed = { error: new bullmq.UnrecoverableError(reasonOf(failureOf(failure))) };
    return putAway({ writer, refusals }, lock, failed, fetchesNext);
  }
}

/** Whether a job has been put where it belongs already, or is left to others. */
export const isElsewhere = (error: unknown): boolean =>
  error instanceof bullmq.WaitingError ||
  error instanceof bullmq.DelayedError ||
  error instanceof GivenUp;
