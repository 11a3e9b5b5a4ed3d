/** Gives a job other arguments for its next run. */
import { encodeMessage, isEncodeFailure, type Message } from '@dtask/core/internal';
import { type HeldJobPlace, readData, setFields } from './held-job.js';
import type { JobLock } from './job-lock.js';

/**
 * Arguments as they travel.
 *
 * @returns their JSON, or the error of what cannot travel
 */
export function encodeArguments(
  message: Message,
  args: readonly unknown[],
  maxPayload: number,
): { readonly args: readonly unknown[] } | { readonly unsent: unknown } {
  try {
    // The values of a group are among them now.
    const { from: _from, only: _only, ...rest } = message;
    const text = encodeMessage({ ...rest, args }, maxPayload);
    return JSON.parse(text) as { args: readonly unknown[] };
  } catch (unsent) {
    if (isEncodeFailure(unsent)) return { unsent };
    throw unsent;
  }
}

/**
 * Writes other arguments into a job. All else stays as it came, whatever the task did to what it held:
 * so it is read once more.
 *
 * @throws LockLost (rejects) where somebody else has the job
 */
export async function changeArguments(
  place: HeldJobPlace,
  lock: JobLock,
  args: readonly unknown[],
): Promise<void> {
  const { from: _from, only: _only, ...rest } = JSON.parse(await readData(place, lock)) as Message;
  await setFields(place, lock, ['data', JSON.stringify({ ...rest, args })]);
}
