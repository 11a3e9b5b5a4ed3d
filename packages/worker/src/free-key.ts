/** Lets another call be the only one of its kind, when this one starts. */
import type { Job } from 'bullmq';
import type { Message } from '@dtask/core/internal';

/**
 * Frees the key under which a task is unique, where it is so only until it starts: one command. A key
 * that a later call has by now stays with that call.
 *
 * @param onError hears of a Redis that does not answer; the task runs all the same, and its key goes
 * with its end
 * @returns nothing for all other tasks; else a promise that is never rejected
 */
export function freeKey(
  job: Job,
  { unique }: Message,
  onError: (error: unknown) => void,
): Promise<void> | undefined {
  if (unique !== 'started') return undefined;
  return job.removeDeduplicationKey().then(() => undefined, onError);
}
