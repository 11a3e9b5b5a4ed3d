/** Waits that have an end. */

/** Waits for so long at most, in milliseconds; gives whether the work has come to its end by then. */
export function within(span: number, work: Promise<unknown>): Promise<boolean> {
  return Promise.race([work.then(() => true), pause(span).then(() => false)]);
}

/** Waits for a time, in milliseconds, without keeping the process alive for it. */
export function pause(span: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, span).unref());
}
