/** A `get()`: waits until some tasks have ended, or one of them has failed. */
import { longestTimer, toMilliseconds } from '../duration.js';
import type { Outcome } from '../protocol/outcome.js';
import type { AnyResult } from './any-result.js';
import type { GetOptions } from './get-options.js';
import type { OpenWait } from './entries.js';
import { inOwnContext } from '../own-context.js';
import { onAbort } from './on-abort.js';
import { valueOf } from './remote-error.js';
import type { Watchable, Watcher } from './watch.js';

/** How to wait, beside what the user says. */
export interface WaitOptions extends GetOptions {
  /** Whether somebody ends the wait in time who is not `timeout`. */
  readonly isBounded?: boolean;
}

/**
 * Waits for all results; gives their values in order.
 *
 * @param late makes the error when `timeout` is over, which it is given in milliseconds; absent where
 * there is none
 * @throws the error of the first that fails, as soon as it has, unless `propagate` is false
 */
export async function waitFor(
  results: readonly AnyResult[],
  options: WaitOptions,
  late?: (limit: number) => Promise<Error>,
): Promise<unknown[]> {
  const { timeout, signal } = options;
  const limit = timeout === undefined ? undefined : toMilliseconds(timeout, 'timeout');
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const wait = new Wait(results.length, options, resolve, reject);
    if (limit !== undefined && late) wait.endAfter(limit, late);
    wait.begin(results);
  });
}

/**
 * One object for all results, and no promise for each: of ten thousand parts of a group everything
 * that waits is copied by the garbage collector, some of it twice.
 */
class Wait implements Watcher {
  readonly #values: unknown[];
  readonly #options: WaitOptions;
  readonly isBounded: boolean;
  readonly #resolve: (values: unknown[]) => void;
  readonly #reject: (error: Error) => void;
  readonly #open: OpenWait[] = [];
  #left: number;
  #over = false;
  #timer: NodeJS.Timeout | undefined;
  #deaf: (() => void) | undefined;
  /** Ends the waits for results that are no single tasks. */
  #inner: AbortController | undefined;

  constructor(
    count: number,
    options: WaitOptions,
    resolve: (values: unknown[]) => void,
    reject: (error: Error) => void,
  ) {
    this.#values = Array.from({ length: count });
    this.#left = count;
    const { onProgress } = options;
    this.#options = onProgress ? { ...options, onProgress: inOwnContext(onProgress) } : options;
    this.isBounded = options.isBounded ?? options.timeout !== undefined;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** A result that comes while the error is made still counts. */
  endAfter(limit: number, late: (limit: number) => Promise<Error>): void {
    const end = (error: unknown): void => this.failed(error);
    this.#timer = setTimeout(
      () => {
        late(limit).then(end, end);
      },
      Math.min(limit, longestTimer),
    );
  }

  begin(results: readonly AnyResult[]): void {
    const { signal } = this.#options;
    if (signal) this.#deaf = onAbort(signal, () => this.failed(signal.reason));
    if (results.length === 0) this.#end(() => this.#resolve(this.#values));
    let sending: Promise<unknown> | undefined;
    for (const [at, result] of results.entries()) {
      if (this.#over) return;
      if (!isWatchable(result)) {
        this.#get(result, at);
        continue;
      }
      // All parts of a group are sent as one.
      if (result.sending && result.sending !== sending) {
        sending = result.sending;
        sending.catch((error: unknown) => this.failed(error));
      }
      this.#watch(result, at);
    }
  }

  /** The wait may be over at once: the result may be there already, or the App closed. */
  #watch(result: Watchable, at: number): void {
    try {
      const open = result.watch(this, at);
      if (!open) return;
      if (this.#over) open.end();
      else this.#open.push(open);
    } catch (error) {
      this.failed(error);
    }
  }

  #get(result: AnyResult, at: number): void {
    const { propagate, onProgress } = this.#options;
    this.#inner ??= new AbortController();
    const { signal } = this.#inner;
    const options: WaitOptions = {
      signal,
      isBounded: this.isBounded,
      ...(propagate !== undefined && { propagate }),
      ...(onProgress && { onProgress }),
    };
    result.get(options).then(
      (value) => this.#fill(value, at),
      (error: unknown) => this.failed(error),
    );
  }

  progress({ value, state }: Outcome): void {
    try {
      this.#options.onProgress?.(value, state);
    } catch (error) {
      this.failed(error);
    }
  }

  ended(outcome: Outcome, at: number): void {
    let value: unknown;
    try {
      value = valueOf(outcome, this.#options.propagate);
    } catch (error) {
      this.failed(error);
      return;
    }
    this.#fill(value, at);
  }

  #fill(value: unknown, at: number): void {
    this.#values[at] = value;
    this.#left -= 1;
    if (this.#left === 0) this.#end(() => this.#resolve(this.#values));
  }

  failed(error: unknown): void {
    this.#end(() => {
      for (const open of this.#open) open.end();
      this.#inner?.abort(error);
      this.#reject(error as Error);
    });
  }

  #end(settle: () => void): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#deaf?.();
    settle();
  }
}

/** Whether a result is that of one task, which has one. */
const isWatchable = (result: AnyResult): result is AnyResult & Watchable =>
  'watch' in result && !(result as AnyResult & Watchable).isIgnored;
