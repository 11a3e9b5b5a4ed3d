/** Lets another call be the only one of its kind, when this one starts. */
import type { Job } from 'bullmq';
import type { TaskLogger } from '@dtask/core';
import type { Message } from '@dtask/core/internal';

/**
 * Frees the key under which a task is unique, where it is so only until it starts: one command. A key
 * that a later call has by now stays with that call. Where Redis refuses, the task runs all the same,
 * and its key goes with its end.
 *
 * @returns nothing for all other tasks; else a promise that is never rejected
 */
export function freeKey(
  job: Job,
  { id, name, unique }: Message,
  log: Pick<TaskLogger, 'warn'>,
): Promise<void> | undefined {
  if (unique !== 'started') return undefined;
  return job.removeDeduplicationKey().then(
    () => undefined,
    (err: unknown) => log.warn({ task: name, id, err }, 'a unique task stays so until it ends'),
  );
}
