/** What Redis does only for whoever has the lock of a job. */
import type { JobLock } from './job-lock.js';
import { LockLost } from './job-lock.js';
import type { Refusals } from './refusals.js';

/** BullMQ's codes of its scripts' replies. */
const codes = { noJob: -1, noLock: -2, notActive: -3, othersLock: -6 } as const;

/** Whether a reply says that a job is somebody else's, or not there any more. */
export const saysLost = (code: unknown): boolean =>
  code === codes.noJob || code === codes.notActive || code === codes.othersLock;

/** Whether it says that there is no such job. */
export const saysGone = (code: unknown): boolean => code === codes.noJob;

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

/**
 * Does something under a lock, as often as Redis refuses it; where the lock has lapsed and nobody else
 * has the job, the lock is taken anew.
 *
 * @param what it is, to people: 'the end of a task'
 * @throws LockLost (rejects) where the job is somebody else's; GivenUp when the worker ends; what is no
 * refusal
 */
export function underLock<R>(
  lock: JobLock,
  refusals: Refusals,
  what: string,
  work: () => Promise<R>,
): Promise<R> {
  const { job } = lock;
  return refusals.insist(job.id ?? '', what, async () => {
    for (;;) {
      lock.check();
      try {
        return await work();
      } catch (error) {
        const code = codeOf(error);
        if (saysLost(code)) lock.isLost = true;
        else if (code !== codes.noLock) throw error;
        else if ((await lock.regain()) !== 'held') throw new LockLost(job.id);
      }
    }
  });
}
