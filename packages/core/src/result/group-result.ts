/** The results of a group, together. */
import { type Handle, handleForm, type HandleForm } from '../codec/index.js';
import { type Duration, longestTimer, toDuration, toMilliseconds } from '../duration.js';
import { EncodeError, ResultTimeoutError } from '../errors.js';
import type { TaskState } from '../protocol/outcome.js';
import { yielding } from '../task/context.js';
import type { AnyResult, SettledValues } from './any-result.js';
import { atCaller, forOneWait } from './at-caller.js';
import type { GetOptions } from './get-options.js';
import { onAbort } from './on-abort.js';
import { checkRevoke, type RevokeResultOptions } from './revocation.js';
import { waitFor, type WaitOptions } from './wait.js';

/**
 * The results of a group's parts, in the order in which they were given.
 *
 * @example
 * ```ts
 * const results = await group(add.s(1, 1), add.s(2, 2)).delay();
 * console.log(await results.get()); // [2, 4]
 * for await (const result of results) console.log(result.id, 'has ended');
 * ```
 */
export class GroupResult<T extends readonly unknown[] = readonly unknown[]>
  implements AnyResult<T>, Handle
{
  /** The group's id. */
  readonly id: string;
  /** What came before the group. */
  readonly parent: AnyResult | undefined;
  readonly #make: () => readonly AnyResult[];
  #results: readonly AnyResult[] | undefined;
  readonly #save: (id: string, results: readonly AnyResult[]) => Promise<void>;
  /** Resolves when all parts are known, where they are sent as they are produced. */
  readonly #known: Promise<unknown> | undefined;
  #isKnown: boolean;

  /** @internal */
  constructor(
    id: string,
    results: () => readonly AnyResult[],
    parent: AnyResult | undefined,
    save: (id: string, results: readonly AnyResult[]) => Promise<void>,
    known?: Promise<unknown>,
  ) {
    this.id = id;
    this.#make = results;
    this.parent = parent;
    this.#save = save;
    this.#known = known;
    this.#isKnown = known === undefined;
    known?.then(
      () => (this.#isKnown = true),
      // Whoever waits hears of it.
      () => undefined,
    );
  }

  /** One for each part. */
  get results(): PartResults<T> {
    // Made when they are asked for: a generator may have sent a million.
    return (this.#results ??= this.#make()) as PartResults<T>;
  }

  /** It travels as its id, with those of its parts. @internal */
  get [handleForm](): HandleForm {
    if (!this.#isKnown)
      throw new EncodeError('is a group whose parts are still being sent; await it first');
    return { id: this.id, parts: this.results.map((result) => result[handleForm]) };
  }

  /** How many parts there are. */
  get length(): number {
    return this.results.length;
  }

  /**
   * Waits for all parts and gives their values in order.
   *
   * @throws the error of the first part that fails, as soon as it has; with `propagate: false`,
   * errors stand in the places of values. ResultTimeoutError when `timeout` is over.
   */
  get(options?: GetOptions & { propagate?: true }): Promise<T>;
  get(options: GetOptions): Promise<SettledValues<T>>;
  async get({ timeout, ...options }: WaitOptions = {}): Promise<T | SettledValues<T>> {
    const limit = new Limit(timeout, options.signal, (span) => this.#late(span));
    const isBounded = options.isBounded ?? timeout !== undefined;
    const within: WaitOptions = { ...options, signal: limit.signal, isBounded };
    try {
      if (this.#known) await limit.within(this.#known);
      // Nothing of its own would tell that what came before has failed.
      if (this.length === 0 && this.parent) {
        const before = await this.parent.get(within);
        if (before instanceof Error && (await this.parent.failed()))
          return before as SettledValues<T>;
      }
      const values = await yielding(waitFor(this.results, within));
      if (options.propagate === false) for (const value of values) atCaller(value, this, 'get');
      return values as unknown as T;
    } catch (error) {
      // What called this method without an await is not on the stack behind one.
      await Promise.resolve();
      throw atCaller(error, this, 'get');
    } finally {
      limit.end();
    }
  }

  async #late(limit: number): Promise<ResultTimeoutError> {
    const { what, where } = await this.situation();
    return forOneWait(
      new ResultTimeoutError(
        `group ${this.id} was not complete within ${toDuration(limit)}: ${what}: ${where}; get() may be called again`,
      ),
    );
  }

  /** @internal */
  get isOver(): boolean {
    return this.#isKnown && this.results.every((part) => part.isOver);
  }

  /** The first of its parts that has not ended here, and where that is. @internal */
  async situation(): Promise<{ readonly what: string; readonly where: string }> {
    if (!this.#isKnown) return { what: 'its parts', where: 'they are still being produced' };
    const open = this.results.filter((part) => !part.isOver);
    const [first] = open;
    if (!first) return { what: 'its parts', where: 'all have ended' };
    const { what, where } = await first.situation();
    const count = open.length === 1 ? '1 part is' : `${open.length} parts are`;
    return { what: `${count} open, the first of which is ${what}`, where };
  }

  /** `get`, by Celery's name. */
  join(options?: GetOptions & { propagate?: true }): Promise<T> {
    return this.get(options);
  }

  /** The results of parts, each as soon as it has ended, well or not. */
  async *[Symbol.asyncIterator](): AsyncGenerator<AnyResult<T[number]>, void, undefined> {
    await this.#known;
    const ended: AnyResult<T[number]>[] = [];
    let wake = (): void => undefined;
    const end = new AbortController();
    for (const result of this.results) {
      const how: WaitOptions = { propagate: false, signal: end.signal, isBounded: false };
      result.get(how).then(
        () => {
          ended.push(result);
          wake();
        },
        () => {
          ended.push(result);
          wake();
        },
      );
    }
    try {
      for (let given = 0; given < this.results.length; given += 1) {
        while (ended.length <= given) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        yield ended[given] as AnyResult<T[number]>;
      }
    } finally {
      end.abort(new Error('the loop over the results was left'));
    }
  }

  /** The state of all: `SUCCESS` when each has succeeded, else the first that is in the way. */
  async state(): Promise<TaskState> {
    await this.#known;
    if (this.length === 0 && this.parent) return this.parent.state();
    const states = await Promise.all(this.results.map((result) => result.state()));
    return (
      states.find((state) => state === 'FAILURE' || state === 'REVOKED') ??
      states.find((state) => state !== 'SUCCESS' && state !== 'IGNORED') ??
      'SUCCESS'
    );
  }

  /** How many parts have ended well. */
  async completedCount(): Promise<number> {
    return this.#count((result) => result.successful());
  }

  /** Whether all parts have ended. */
  async ready(): Promise<boolean> {
    if (this.length === 0 && this.parent) return this.parent.ready();
    return (await this.#count((result) => result.ready())) === this.length;
  }

  /** Whether all parts have ended well. */
  async successful(): Promise<boolean> {
    if (this.length === 0 && this.parent) return this.parent.successful();
    return (await this.completedCount()) === this.length;
  }

  /** Whether any part has failed. */
  async failed(): Promise<boolean> {
    if (this.length === 0 && this.parent) return this.parent.failed();
    return (await this.#count((result) => result.failed())) > 0;
  }

  /** Whether any part has not ended. */
  async waiting(): Promise<boolean> {
    return !(await this.ready());
  }

  async #count(holds: (result: AnyResult) => Promise<boolean>): Promise<number> {
    await this.#known;
    return (await Promise.all(this.results.map(holds))).filter(Boolean).length;
  }

  /**
   * Ends the parts: those that have not started end as `REVOKED`, those that run are asked to end, or
   * killed. Gives whether there was one.
   *
   * @throws ConfigError for wrong options, BrokerError when Redis does not answer
   */
  async revoke(options: RevokeResultOptions = {}): Promise<boolean> {
    checkRevoke(options);
    const before = (await this.parent?.revoke(options)) ?? false;
    return (await this.#count((result) => result.revoke(options))) > 0 || before;
  }

  /** Deletes the stored results; gives whether there was one. */
  async forget(): Promise<boolean> {
    return (await this.#count((result) => result.forget())) > 0;
  }

  /** Stores the ids of the parts, so that another process gets them by `app.groupResult(id)`. */
  async save(): Promise<void> {
    await this.#known;
    return this.#save(this.id, this.results);
  }
}

/** The results of a group's parts, each with the type of its value. */
type PartResults<T extends readonly unknown[]> = {
  readonly [K in keyof T]: AnyResult<T[K]>;
};

/** One time limit for many waits. */
class Limit {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#abort.abort(this.#signal?.reason);

  /** @param late makes the error when the time is over */
  constructor(
    timeout: Duration | undefined,
    signal: AbortSignal | undefined,
    late: (limit: number) => Promise<Error>,
  ) {
    this.#signal = signal;
    if (signal?.aborted) this.#onAbort();
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (timeout === undefined) return;
    const limit = toMilliseconds(timeout, 'timeout');
    const end = (error: unknown): void => this.#abort.abort(error);
    this.#timer = setTimeout(
      () => {
        late(limit).then(end, end);
      },
      Math.min(limit, longestTimer),
    );
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Waits for something that cannot be ended itself. */
  async within(wait: Promise<unknown>): Promise<void> {
    const { signal } = this;
    signal.throwIfAborted();
    let deaf: (() => void) | undefined;
    const over = new Promise<never>((_resolve, reject) => {
      deaf = onAbort(signal, () => reject(signal.reason as Error));
    });
    await Promise.race([wait, over]).finally(deaf);
  }

  /** Also ends the waits that go on because another part has failed. */
  end(): void {
    clearTimeout(this.#timer);
    this.#abort.abort(new Error('the wait for the group is over'));
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}
