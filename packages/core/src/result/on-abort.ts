/** Hears of an aborted signal, also where thousands of waits share one. */

/** What waits for one signal. */
interface Crowd {
  readonly calls: Set<() => void>;
  /** The one listener that the signal has. */
  readonly abort: () => void;
}

const crowds = new WeakMap<AbortSignal, Crowd>();

/**
 * Calls a function when a signal is aborted. A signal looks through all its listeners when one is
 * added, so that ten thousand cost more than the tasks that they wait for: here it has one.
 *
 * @returns a function that ends it
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  const crowd = crowds.get(signal) ?? gather(signal);
  crowd.calls.add(call);
  return () => {
    crowd.calls.delete(call);
    if (crowd.calls.size > 0) return;
    // A signal that is heard by nobody may be collected.
    signal.removeEventListener('abort', crowd.abort);
    crowds.delete(signal);
  };
}

function gather(signal: AbortSignal): Crowd {
  const calls = new Set<() => void>();
  const abort = (): void => {
    for (const call of calls) call();
  };
  const crowd = { calls, abort };
  crowds.set(signal, crowd);
  signal.addEventListener('abort', abort, { once: true });
  return crowd;
}
