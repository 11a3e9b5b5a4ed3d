/** What a beat sends, of which some takes longer than a turn waits: its server may be away. */
import { within } from '../within.js';

/**
 * How long a turn waits for what it sends, in milliseconds: as long as there is nothing that a turn
 * before has left, and while there is. Every wait makes what is due next late.
 */
const patience = { first: 1_000, later: 100 } as const;
/** For how long it is known how one ended that no turn has waited for, in milliseconds. */
const kept = 60_000;

interface Send<T> {
  readonly work: Promise<T>;
  /** When, by this process's clock; absent while it goes on. */
  ended?: number;
}

/**
 * One that a turn leaves goes on, is not begun a second time meanwhile, and counts in the turn that
 * asks for it when it has ended. Where there is but one server they are waited for: without it no beat
 * has a turn.
 */
export class Sends<T> {
  readonly #several: boolean;
  readonly #all = new Map<string, Send<T>>();
  #until = 0;

  /** @param several whether there is more than one server */
  constructor(several: boolean) {
    this.#several = several;
  }

  /** Turns come one after another. */
  beginTurn(): void {
    const now = performance.now();
    let isAway = false;
    for (const [id, { ended }] of this.#all) {
      if (ended === undefined) isAway = true;
      else if (now - ended > kept) this.#all.delete(id);
    }
    this.#until = now + (isAway ? patience.later : patience.first);
  }

  /**
   * Sends, unless that goes on already.
   *
   * @param id what is sent
   * @throws what `begin` is rejected with
   * @returns nothing where it is not done in the time of the turn
   */
  async send(id: string, begin: () => Promise<T>): Promise<T | undefined> {
    if (!this.#several) return begin();
    const known = this.#all.get(id);
    if (known && known.ended === undefined) return undefined;
    const { work } = known ?? this.#begin(id, begin);
    const left = Math.max(0, this.#until - performance.now());
    // A rejection is an end as well.
    const settled = work.catch(() => undefined);
    if (!(await within(left, settled))) return undefined;
    this.#all.delete(id);
    return work;
  }

  #begin(id: string, begin: () => Promise<T>): Send<T> {
    const send: Send<T> = { work: begin() };
    const end = (): void => {
      send.ended = performance.now();
    };
    send.work.then(end, end);
    this.#all.set(id, send);
    return send;
  }
}
