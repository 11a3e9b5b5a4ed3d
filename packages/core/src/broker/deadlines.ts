/** Rejects what waits too long, with one timer however much waits. */

/** Something that waits, between those that began before and after it. */
interface Waiting {
  due: number;
  expire: () => void;
  before: Waiting;
  after: Waiting;
}

/**
 * A set of things that wait for the same span, so the oldest is due first. It is a list and not a
 * `Set`: of a Set from which things are taken and put into all the time, V8's young collections keep
 * what was taken out, and take five times as long.
 *
 * The span is one in which answers could be heard. While a process computes, or its machine sleeps,
 * none is: what came meanwhile is heard first.
 */
export class Deadlines {
  readonly #span: number;
  /** Time between two looks, in milliseconds. */
  readonly #step: number;
  /** Stands before the first and after the last. */
  readonly #ends: Waiting = ringOfOne();
  #timer: NodeJS.Timeout | undefined;
  /** The time in which answers could be heard, as of the last look; and when that was. */
  #heard = 0;
  #looked = 0;

  /** @param span how long each may wait, in milliseconds */
  constructor(span: number) {
    this.#span = span;
    this.#step = Math.min(100, Math.max(10, span / 10));
  }

  /** Starts a wait; gives the function that ends it in time. */
  add(expire: () => void): () => void {
    this.#start();
    const ends = this.#ends;
    const { before } = ends;
    // The time since the last look is not counted yet: none is ended early for it.
    const due = this.#heard + this.#step + this.#span;
    const waiting: Waiting = { due, expire, before, after: ends };
    before.after = waiting;
    ends.before = waiting;
    return () => takeOut(waiting);
  }

  /** Ends every wait at once, as if its time were over. */
  expireAll(): void {
    this.#expire(Number.POSITIVE_INFINITY);
    this.#rest();
  }

  /** Once for a burst of waits and not for each: starting and stopping costs more than the rest. */
  #start(): void {
    if (this.#timer) return;
    this.#looked = performance.now();
    this.#timer = setInterval(() => this.#sweep(), this.#step);
  }

  #sweep(): void {
    const now = performance.now();
    // What is above two steps was no time in which anything was heard.
    this.#heard += Math.min(now - this.#looked, 2 * this.#step);
    this.#looked = now;
    this.#expire(this.#heard);
    this.#rest();
  }

  /** With nothing left to wait for, the timer must not keep a script alive. */
  #rest(): void {
    if (this.#ends.after !== this.#ends) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #expire(heard: number): void {
    for (let next = this.#ends.after; next !== this.#ends; next = this.#ends.after) {
      if (next.due > heard) return;
      takeOut(next);
      next.expire();
    }
  }
}

function ringOfOne(): Waiting {
  const ends = { due: 0, expire: () => undefined } as unknown as Waiting;
  ends.before = ends;
  ends.after = ends;
  return ends;
}

/** Also what was taken out is taken out again by its own end. It keeps nothing else from being collected. */
function takeOut(waiting: Waiting): void {
  waiting.before.after = waiting.after;
  waiting.after.before = waiting.before;
  waiting.before = waiting;
  waiting.after = waiting;
}
