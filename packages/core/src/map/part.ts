/** One chunk of a map, as its caller knows it: its items, and what has become of each. Pure. */
import { DecodeError, PayloadTooLargeError } from '../errors.js';
import type { Reply } from './order.js';
import { Packer, type Unpacked, unpack } from './pack.js';

/** One message for some of the items of a chunk. */
export interface Attempt {
  /** How it came about, a letter for each step: the same in every run of a map with an id. */
  readonly path: string;
  /** The places of its items in the chunk; absent for all. */
  readonly offsets: readonly number[] | undefined;
  /** How many times its items have been retried, by their task's own rules or by the map's. */
  readonly retries: number;
  /** How many times the map's rules had them sent again. */
  readonly again: number;
  /** Wait before it may start, in milliseconds. */
  readonly delay: number;
}

/** What becomes of items that have failed for good. */
export interface PartRules {
  readonly spread: boolean;
  readonly reduces: boolean;
  /** Failures are results like others. */
  readonly collects: boolean;
  /** How many times such an item is sent again. */
  readonly again: number;
}

/** The first message of a chunk. */
export const firstAttempt: Attempt = {
  path: '',
  offsets: undefined,
  retries: 0,
  again: 0,
  delay: 0,
};

/** A chunk. */
export class Part {
  /** Which chunk of the map it is. */
  readonly at: number;
  /** The place of its first item in the source. */
  readonly first: number;
  readonly items: unknown[];
  readonly #rules: PartRules;
  #open: number;
  /** The values, where one message gave them all. */
  #whole: Unpacked | undefined;
  readonly #values: unknown[] = [];
  readonly #failures = new Map<number, unknown>();
  /** With reducing: what was made of a row of items, by the place of the first. */
  readonly #totals = new Map<number, unknown>();

  constructor(at: number, first: number, items: unknown[], rules: PartRules) {
    this.at = at;
    this.first = first;
    this.items = items;
    this.#rules = rules;
    this.#open = items.length;
  }

  /** Whether it is known of every item how it ended. */
  get ended(): boolean {
    return this.#open === 0;
  }

  get failures(): ReadonlyMap<number, unknown> {
    return this.#failures;
  }

  /** The value of an item that has not failed. */
  value(offset: number): unknown {
    return this.#whole ? this.#whole.at(offset) : this.#values[offset];
  }

  /** With reducing: what was made of its items, in their order. */
  totals(): unknown[] {
    return [...this.#totals].sort(([a], [b]) => a - b).map(([, total]) => total);
  }

  /** Ends an item badly. */
  fail(offset: number, error: unknown): void {
    this.#failures.set(offset, error);
    this.#open -= 1;
  }

  /** The items of a message, packed; those that cannot travel fail here. */
  pack({ offsets }: Attempt): { readonly text: string; readonly offsets: readonly number[] } {
    const packer = new Packer(this.#rules.spread);
    const packed: number[] = [];
    for (const offset of offsets ?? this.items.keys()) {
      try {
        packer.add(this.items[offset], Infinity);
        packed.push(offset);
      } catch (error) {
        this.fail(offset, error);
      }
    }
    return { text: packer.text(), offsets: packed };
  }

  /**
   * Takes in what a worker says of a message; gives the messages that are to follow it.
   *
   * @param old whether it was said to an earlier run of the map: what failed then is tried again
   * @throws DecodeError when the reply does not fit the message
   */
  take(attempt: Attempt, reply: Reply, old: boolean): Attempt[] {
    const { offsets } = attempt;
    const { done, failed = [] } = reply;
    const count = offsets?.length ?? this.items.length;
    const values = unpack(reply.values, false);
    const good = done - failed.length;
    if (done === 0 || good < 0 || (!this.#rules.reduces && values.count !== good))
      throw new DecodeError(`a worker gave ${values.count} values for ${done} of ${count} items`);
    const placeOf = (at: number): number => offsets?.[at] ?? at;
    if (this.#rules.reduces) {
      if (values.count > 0) this.#totals.set(placeOf(0), values.at(0));
    } else if (good === this.items.length && !offsets) this.#whole = values;
    else this.#merge(values, done, new Set(failed.map(({ at }) => at)), placeOf);
    this.#open -= good;
    const rest = rangeOf(done, count).map(placeOf);
    const following = this.#sort(attempt, reply, placeOf, old);
    if (rest.length === 0) return following;
    return [{ ...attempt, path: `${attempt.path}r`, offsets: rest, delay: 0 }, ...following];
  }

  #merge(
    values: Unpacked,
    done: number,
    bad: ReadonlySet<number>,
    placeOf: (at: number) => number,
  ): void {
    let from = 0;
    for (let at = 0; at < done; at += 1) {
      if (bad.has(at)) continue;
      this.#values[placeOf(at)] = values.at(from);
      from += 1;
    }
  }

  /** Parts the items that failed into those that run again, and those that have ended. */
  #sort(
    { path, retries, again }: Attempt,
    { failed = [] }: Reply,
    placeOf: (at: number) => number,
    old: boolean,
  ): Attempt[] {
    const waiting: number[] = [];
    const failing: number[] = [];
    let delay = 0;
    const tries = (old && !this.#rules.collects) || again < this.#rules.again;
    for (const { at, error, wait, args } of failed) {
      const offset = placeOf(at);
      if (wait !== undefined) {
        waiting.push(offset);
        delay = Math.max(delay, wait);
        if (args) this.items[offset] = this.#rules.spread ? args : args[0];
      } else if (tries) failing.push(offset);
      else this.fail(offset, error);
    }
    const next = { retries: retries + 1 };
    const all: Attempt[] = [];
    // Which items are in which of them rests on the reply alone: ids are made of the paths.
    if (waiting.length > 0) all.push({ ...next, path: `${path}f`, offsets: waiting, again, delay });
    if (failing.length > 0)
      all.push({ ...next, path: `${path}g`, offsets: failing, again: again + 1, delay: 0 });
    return all;
  }

  /** Takes in that a message failed as a whole; gives the messages that are to follow it. */
  lose(attempt: Attempt, error: unknown, old: boolean): Attempt[] {
    const { path, again } = attempt;
    const offsets = attempt.offsets ?? rangeOf(0, this.items.length);
    const middle = Math.ceil(offsets.length / 2);
    // Its values together are too large for one result.
    if (error instanceof PayloadTooLargeError && offsets.length > 1) {
      return [
        { ...attempt, path: `${path}a`, offsets: offsets.slice(0, middle), delay: 0 },
        { ...attempt, path: `${path}b`, offsets: offsets.slice(middle), delay: 0 },
      ];
    }
    if (old || again < this.#rules.again)
      return [{ ...attempt, path: `${path}x`, again: again + 1, delay: 0 }];
    for (const offset of offsets) this.fail(offset, error);
    return [];
  }
}

const rangeOf = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, at) => from + at);
