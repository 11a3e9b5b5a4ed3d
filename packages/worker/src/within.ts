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

/** Waits for a time, in milliseconds, without keeping the process alive for it. */
export function pause(span: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, span).unref());
}
