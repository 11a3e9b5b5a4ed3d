/** Where the items of a map come from: read one by one, and never further than they are taken. */
import { ConfigError } from '../errors.js';
import { show } from '../config/setting.js';
import { isPromiseLike } from '../task/context.js';

/** What a map takes: any number of items. */
export type MapSource<T> = Iterable<T> | AsyncIterable<T>;

/**
 * Any value. The compiler keeps the types of literals, and reads items as what the task takes, where a
 * type parameter may be this beside that; `unknown` would make it forget both.
 */
export type AnyItem = object | string | number | bigint | boolean | symbol | null | undefined;

/** Items that a task takes: for the compiler's message. */
export interface ItemsOf<Item> {
  readonly 'the task does not take these items': Item;
}

/** Items for a task of several arguments: for the compiler's message. */
export interface ItemsForStarmap {
  readonly 'a map gives a task one argument for each item; use starmap() for a task of several': never;
}

/** What the items of a map must be for a task that takes `A`, or a type whose name says why they do not fit. */
export type FitItems<Item, A extends readonly unknown[]> = [[Item]] extends [A]
  ? unknown
  : [[A[0]]] extends [A]
    ? ItemsOf<A[0]>
    : ItemsForStarmap;

/** The same where each item is a list of arguments. */
export type FitRows<Row, A extends readonly unknown[]> = [Row] extends [Readonly<A>]
  ? unknown
  : ItemsOf<Readonly<A>>;

/** Takes an item; says whether it wants another. `'full'` is one that it did not take. */
export type Taker = (item: unknown) => boolean | 'full';

/** Whether items can be read without waiting for them. */
export const isIterable = (source: object): source is Iterable<unknown> =>
  Symbol.iterator in source;

/**
 * Refuses what is no source.
 *
 * @throws ConfigError
 */
export function checkSource(source: unknown, what: string): asserts source is MapSource<unknown> {
  const given: object = Object(source);
  if (source !== null && source !== undefined)
    if (Symbol.iterator in given || Symbol.asyncIterator in given) return;
  throw new ConfigError(
    `${what} takes a list, a generator or another iterable, got ${show(source)}`,
  );
}

/**
 * Refuses what is no list of arguments.
 *
 * @throws ConfigError which names the item
 */
export function checkRows(rows: readonly unknown[], what: string): readonly (readonly unknown[])[] {
  const at = rows.findIndex((row) => !Array.isArray(row));
  if (at < 0) return rows as readonly (readonly unknown[])[];
  throw new ConfigError(
    `${what} takes lists of arguments, such as [[1, 2], [3, 4]]; item ${at} is ${show(rows[at])}`,
  );
}

type Step = IteratorResult<unknown>;

/** Reads a source. */
export class Source {
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  /** An item that was read and not taken. */
  #left: { readonly item: unknown } | undefined;
  /** A step that was asked for and has not come. */
  #coming: PromiseLike<Step> | undefined;
  #ended = false;

  constructor(source: MapSource<unknown>) {
    const given: object = Object(source);
    this.#iterator = isIterable(given)
      ? given[Symbol.iterator]()
      : (source as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  }

  /** Whether it has no more items. */
  get ended(): boolean {
    return this.#ended && !this.#left;
  }

  /**
   * Gives items to `take` until that wants no more, the source ends, or `linger` milliseconds have
   * passed since it took the first: what comes slowly is not to be held up by what is to come.
   *
   * @throws (rejects) what the source throws
   */
  async read(take: Taker, linger: number): Promise<void> {
    let some = false;
    if (this.#left) {
      const { item } = this.#left;
      this.#left = undefined;
      if (!this.#give(take, item)) return undefined;
      some = true;
    }
    while (!this.#ended) {
      const step = this.#coming ?? this.#next();
      if (isPromiseLike(step)) return this.#await(step, take, linger, some);
      if (!this.#take(step, take)) return undefined;
      some = true;
    }
    return undefined;
  }

  #next(): Step | PromiseLike<Step> {
    try {
      return this.#iterator.next();
    } catch (error) {
      this.#ended = true;
      throw error;
    }
  }

  /**
   * Goes on where items have to be waited for; one timer, whatever the number of items.
   *
   * @param some whether an item was taken already
   */
  #await(first: PromiseLike<Step>, take: Taker, linger: number, some: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      let over = false;
      const end = (error?: unknown): void => {
        over = true;
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error as Error);
      };
      const limit = (): void => {
        if (Number.isFinite(linger)) timer ??= setTimeout(end, linger);
      };
      if (some) limit();
      const wait = (step: PromiseLike<Step>): void => {
        this.#coming = step;
        step.then(
          (result) => {
            // It is there for the next chunk.
            if (!over) go(result);
          },
          (error: unknown) => {
            if (over) return;
            this.#coming = undefined;
            this.#ended = true;
            end(error ?? new Error('the source threw nothing'));
          },
        );
      };
      const go = (result: Step): void => {
        this.#coming = undefined;
        if (!this.#take(result, take)) return end();
        limit();
        try {
          wait(Promise.resolve(this.#next()));
        } catch (error) {
          end(error);
        }
      };
      wait(first);
    });
  }

  #take(step: Step, take: Taker): boolean {
    if (!step.done) return this.#give(take, step.value);
    this.#ended = true;
    return false;
  }

  #give(take: Taker, item: unknown): boolean {
    const wants = take(item);
    if (wants !== 'full') return wants;
    this.#left = { item };
    return false;
  }

  /** Tells the source that nothing more is wanted of it. */
  async close(): Promise<void> {
    this.#left = undefined;
    const coming = this.#coming;
    coming?.then(
      () => undefined,
      () => undefined,
    );
    if (this.#ended) return;
    this.#ended = true;
    const closed = this.#iterator.return?.();
    // A generator that waits for something ends when that has come, which may be never.
    if (coming) Promise.resolve(closed).catch(() => undefined);
    else await closed;
  }
}
