/** The message in a job, or what is wrong with it. */
import type { Job } from 'bullmq';
import { MessageRejectedError } from '@dtask/core';
import { decodeMessage, type HandleMaker, type Message } from '@dtask/core/internal';

/** The data of a job that was not JSON. */
export class Damaged {
  /** What was stored. */
  readonly text: string;
  readonly reason: string;

  constructor(text: string, reason: string) {
    this.text = text;
    this.reason = reason;
  }
}

/**
 * Reads the message that a job carries; gives the error where it carries none.
 *
 * @param handles makes the handles on tasks that are among its arguments
 */
export function readMessage({ id = '', name, data }: Job, handles: HandleMaker): Message | Error {
  if (data instanceof Damaged) {
    return new MessageRejectedError(
      `job ${id} was rejected: its data is not JSON (${data.reason}): ${data.text.slice(0, 80)}`,
    );
  }
  try {
    return decodeMessage(id, name, data, undefined, handles);
  } catch (error) {
    return error as Error;
  }
}
