/** What `delay()` gives at once: a promise of the AsyncResult that is a result already. */
import type { AsyncResult, GetOptions } from './async-result.js';

/**
 * A call on its way. As a promise it resolves to the `AsyncResult` when Redis has the message, and
 * is rejected when it cannot be sent. `id`, `get()` and `revoke()` need no `await` before them.
 *
 * @example
 * ```ts
 * const result = await add.delay(1, 2);      // the message is safe
 * const value = await add.delay(1, 2).get(); // the task has run
 * ```
 */
export class Sent<T> implements Promise<AsyncResult<T>> {
  readonly [Symbol.toStringTag] = 'Sent';
  /** The task's id. */
  readonly id: string;
  readonly #result: AsyncResult<T> | undefined;
  readonly #sending: Promise<unknown>;

  /**
   * @param result absent for a call that could not even be attempted
   * @internal
   */
  constructor(result: AsyncResult<T> | undefined, sending: Promise<unknown>) {
    this.id = result?.id ?? '';
    this.#result = result;
    this.#sending = sending;
  }

  /**
   * Waits for the task to end and gives what it returned: `AsyncResult.get`. The wait begins before
   * the message is sent, so that a quick result is not missed.
   * @throws also what sending throws
   */
  get(options?: GetOptions & { propagate?: true }): Promise<T>;
  get(options: GetOptions): Promise<T | Error>;
  get(options?: GetOptions): Promise<T | Error> {
    return this.#result ? this.#result.get({ ...options }) : this.then((result) => result.get());
  }

  /** Takes the task out of its queue, if it has not started: `AsyncResult.revoke`. */
  async revoke(): Promise<boolean> {
    return (await this).revoke();
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it is a promise
  then<A = AsyncResult<T>, B = never>(
    onfulfilled?: ((value: AsyncResult<T>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    // Derived only when asked for: a promise that nobody looks at would be an unhandled rejection.
    const result = this.#result as AsyncResult<T>;
    return this.#sending.then(
      onfulfilled ? () => onfulfilled(result) : () => result as unknown as A,
      onrejected,
    );
  }

  catch<B = never>(
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<AsyncResult<T> | B> {
    return this.then(undefined, onrejected);
  }

  finally(onfinally?: (() => void) | null): Promise<AsyncResult<T>> {
    return this.then().finally(onfinally);
  }
}

/** Makes a call; what goes wrong before anything is sent rejects it, as what goes wrong later does. */
export function attempt<T>(call: () => Sent<T>): Sent<T> {
  try {
    return call();
  } catch (error) {
    return new Sent<T>(undefined, Promise.reject(error as Error));
  }
}
