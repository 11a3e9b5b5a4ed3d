/** What a chunk of a map says to a worker, and what the worker says back. */
import { DecodeError } from '../errors.js';
import type { MessageRetry } from '../protocol/call-settings.js';

/** The task that every worker has: it runs another one on the items of a chunk. */
export const mapTask = 'dtask.map';

/** How a chunk is to be run. What equals its default is left out. */
export interface OrderSettings {
  /** An item is a list of arguments. */
  readonly spread?: true;
  /** The time after which no further item is begun, in milliseconds. */
  readonly budget?: number;
  /** The size of the values after which no further item is begun, in bytes. */
  readonly bytes: number;
  /** How many times its items have been retried. */
  readonly retries?: number;
  /** How items are retried, in place of what their task says. */
  readonly retry?: MessageRetry;
  /** The task that makes one value of two: the values come back as one. */
  readonly reduce?: string;
}

/** The arguments of the task: the items' task, the items as a pack, and how to run them. */
export type OrderArgs = readonly [task: string, items: unknown, settings: OrderSettings];

/** An item that failed. */
export interface ItemFailure {
  /** Its place in the chunk. */
  readonly at: number;
  /** What was thrown. */
  readonly error: unknown;
  /** How long to wait before it is run again, in milliseconds; absent where it is not to be. */
  readonly wait?: number;
  /** Its arguments when it is run again, where they are others. */
  readonly args?: readonly unknown[];
}

/** What came of a chunk. */
export interface Reply {
  /** How many items were run; the others are to be sent again. */
  readonly done: number;
  /** How long they took, in milliseconds. */
  readonly ms: number;
  /** The values of those that did not fail, in order, as a pack; with `reduce` one or none. */
  readonly values: unknown;
  readonly failed?: readonly ItemFailure[];
}

/**
 * Reads a reply.
 *
 * @param count how many items the chunk has
 * @throws DecodeError when it is none
 */
export function checkReply(value: unknown, count: number): Reply {
  if (typeof value === 'object' && value !== null) {
    const { done, ms, failed = [] } = value as Partial<Reply>;
    const isDone = Number.isInteger(done) && (done as number) >= 0 && (done as number) <= count;
    const places = Array.isArray(failed) ? failed.map((one: unknown) => placeIn(one)) : [-1];
    const fit = places.every((at) => at >= 0 && at < (done ?? 0));
    if (isDone && typeof ms === 'number' && fit) return value as Reply;
  }
  throw new DecodeError(`not the reply of a worker to a chunk of ${count} items`);
}

function placeIn(failure: unknown): number {
  if (typeof failure !== 'object' || failure === null || !('at' in failure)) return -1;
  return Number.isInteger(failure.at) ? (failure.at as number) : -1;
}
