/** What is said of a run that took longer than it may. */
import { formatMilliseconds } from '../duration.js';
import { SoftTimeLimitExceededError, TimeLimitExceededError } from '../errors.js';

/** @param limit longest run, in milliseconds */
export const hardOverrun = (task: string, id: string, limit: number): TimeLimitExceededError =>
  new TimeLimitExceededError(
    `task ${task}[${id}] ran for longer than its timeLimit of ${formatMilliseconds(limit)}`,
  );

/** @param limit in milliseconds */
export const softOverrun = (task: string, id: string, limit: number): SoftTimeLimitExceededError =>
  new SoftTimeLimitExceededError(
    `task ${task}[${id}] ran for longer than its softTimeLimit of ${formatMilliseconds(limit)}`,
  );
