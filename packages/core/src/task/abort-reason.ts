/** What a task's signal has fired with, where the error that came of that says less. */

/** How many causes are looked through. */
const mostCauses = 16;

/** Error classes that say nothing of their own: a library wraps what it got in one of them. */
const plain: ReadonlySet<unknown> = new Set([
  Error.prototype,
  TypeError.prototype,
  AggregateError.prototype,
]);

/**
 * What waits for a signal mostly throws an `AbortError`, with the signal's reason as its cause: timers, events,
 * streams, files, child processes. Where a task lets that through, the reason is what ended it: a soft time
 * limit, a revocation. The same goes for an `AbortError` inside of plain errors that wrap it. An error of
 * another class is the task's own, and stays what it is.
 *
 * @returns the reason, or what was thrown
 */
export function abortReason(thrown: unknown, signal: AbortSignal | undefined): unknown {
  if (!signal?.aborted) return thrown;
  try {
    return isAbortedBy(thrown, signal.reason, false, mostCauses) ? signal.reason : thrown;
  } catch {
    // A thrown proxy, or a getter, that throws in turn: it stays what was thrown.
    return thrown;
  }
}

function isAbortedBy(thrown: unknown, reason: unknown, within: boolean, left: number): boolean {
  if (thrown === reason) return within;
  if (typeof thrown !== 'object' || thrown === null || left === 0) return false;
  const { name, cause, errors } = thrown as { name?: unknown; cause?: unknown; errors?: unknown };
  const isAbort = name === 'AbortError';
  if (!isAbort && !plain.has(Object.getPrototypeOf(thrown))) return false;
  if (cause !== undefined) return isAbortedBy(cause, reason, within || isAbort, left - 1);
  // `Promise.any` of waits that were all cut short.
  return (
    Array.isArray(errors) &&
    errors.length > 0 &&
    errors.every((one) => isAbortedBy(one, reason, within, left - 1))
  );
}
