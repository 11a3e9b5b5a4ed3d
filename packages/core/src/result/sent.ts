/** What `delay()` gives at once: a promise of the AsyncResult that is a result already. */
import { type Handle, handleForm, type HandleForm } from '../codec/index.js';
import { EncodeError } from '../errors.js';
import type { AnyResult } from './any-result.js';
import type { AsyncResult } from './async-result.js';
import type { GetOptions } from './get-options.js';
import type { RevokeResultOptions } from './revocation.js';

/**
 * A call on its way. As a promise it resolves to the `AsyncResult` when Redis has the message, and
 * is rejected when it cannot be sent. `id`, `get()` and `revoke()` need no `await` before them.
 *
 * Of a `unique` task, `id` is what the call asks for; the `AsyncResult`, and with it `get()` and
 * `revoke()`, are those of the first call.
 *
 * @example
 * ```ts
 * const result = await add.delay(1, 2);      // the message is safe
 * const value = await add.delay(1, 2).get(); // the task has run
 * ```
 */
export class Sent<T, R extends AnyResult<T> = AsyncResult<T>> implements Promise<R>, Handle {
  readonly [Symbol.toStringTag] = 'Sent';
  /** The task's id. */
  readonly id: string;
  readonly #result: R | undefined;
  readonly #sending: Promise<unknown>;

  /**
   * @param result absent where only `sending` tells it, or the call could not even be attempted
   * @param sending the promise of the result, where that is absent
   * @internal
   */
  constructor(result: R | undefined, sending: Promise<unknown>, id = result?.id ?? '') {
    this.id = id;
    this.#result = result;
    this.#sending = sending;
  }

  /**
   * Waits for the task to end and gives what it returned: `AsyncResult.get`. The wait begins before
   * the message is sent, so that a quick result is not missed.
   * @throws also what sending throws
   */
  get(options?: GetOptions & { propagate?: true }): Promise<T>;
  get(options: GetOptions): ReturnType<R['get']>;
  get(options?: GetOptions): Promise<unknown> {
    return this.#result
      ? this.#result.get({ ...options })
      : this.then((result) => result.get({ ...options }));
  }

  /** Ends the task: `AsyncResult.revoke`. */
  async revoke(options?: RevokeResultOptions): Promise<boolean> {
    return (await this).revoke(options);
  }

  /** It travels as the id of its result. @internal */
  get [handleForm](): HandleForm {
    if (this.#result) return this.#result[handleForm];
    throw new EncodeError('is a call whose id is known when it is sent; await it first');
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it is a promise
  then<A = R, B = never>(
    onfulfilled?: ((value: R) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    // Derived only when asked for: a promise that nobody looks at would be an unhandled rejection.
    const resultOf = (sent: unknown): R => this.#result ?? (sent as R);
    return this.#sending.then(
      onfulfilled
        ? (sent) => onfulfilled(resultOf(sent))
        : (sent) => resultOf(sent) as unknown as A,
      onrejected,
    );
  }

  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<R | B> {
    return this.then(undefined, onrejected);
  }

  finally(onfinally?: (() => void) | null): Promise<R> {
    return this.then().finally(onfinally);
  }
}

/** Makes a call; what goes wrong before anything is sent rejects it, as what goes wrong later does. */
export function attempt<T, R extends AnyResult<T> = AsyncResult<T>>(
  call: () => Sent<T, R>,
): Sent<T, R> {
  try {
    return call();
  } catch (error) {
    return new Sent<T, R>(undefined, Promise.reject(error as Error));
  }
}
