/** Waits that have an end. */
import { longestTimer } from '@dtask/core/internal';

/** Waits for so long at most, in milliseconds; gives whether the work has come to its end by then. */
export async function within(span: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  // It keeps the process: the work may have nothing else that does.
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.min(span, longestTimer));
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How long a turn of the loop counts at most, in milliseconds. */
const turn = 10;

/**
 * The same for what gets no more of the CPU than this loop does: time counts as far as the loop turns. Where the
 * machine is busy, what has merely not run yet, or not been heard of, is not late.
 */
export async function withinTurns(span: number, work: Promise<unknown>): Promise<boolean> {
  let isDone = false;
  const done = work.then(() => {
    isDone = true;
  });
  for (let spent = 0; spent < span && !isDone; spent += turn) await within(turn, done);
  return isDone;
}

/** Waits for a time, in milliseconds, without keeping the process alive for it. */
export function pause(span: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, span).unref());
}
