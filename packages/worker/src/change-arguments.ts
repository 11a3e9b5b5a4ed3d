/** Gives a job other arguments for its next run. */
import type { Job } from 'bullmq';
import { encodeMessage, isEncodeFailure, type Message } from '@dtask/core/internal';

/** Gives the error of arguments that cannot travel. */
export async function changeArguments(
  job: Job,
  message: Message,
  args: readonly unknown[],
  maxPayload: number,
): Promise<unknown> {
  let text: string;
  try {
    // The values of a group are among them now.
    const { from: _from, only: _only, ...rest } = message;
    text = encodeMessage({ ...rest, args }, maxPayload);
  } catch (error) {
    if (isEncodeFailure(error)) return error;
    throw error;
  }
  await job.updateData(JSON.parse(text) as object);
  return undefined;
}
