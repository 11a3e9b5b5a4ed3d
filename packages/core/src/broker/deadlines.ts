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
 */
export class Deadlines {
  readonly #span: number;
  /** Stands before the first and after the last. */
  readonly #ends: Waiting = ringOfOne();
  #timer: NodeJS.Timeout | undefined;

  /** @param span how long each may wait, in milliseconds */
  constructor(span: number) {
    this.#span = span;
  }

  /** Starts a wait; gives the function that ends it in time. */
  add(expire: () => void): () => void {
    const ends = this.#ends;
    const { before } = ends;
    const waiting: Waiting = { due: Date.now() + this.#span, expire, before, after: ends };
    before.after = waiting;
    ends.before = waiting;
    // Started for a burst of waits and not for each: starting and stopping costs more than the rest.
    this.#timer ??= setInterval(() => this.#sweep(), Math.min(100, Math.max(10, this.#span / 10)));
    return () => takeOut(waiting);
  }

  /** Ends every wait at once, as if its time were over. */
  expireAll(): void {
    this.#expire(Number.POSITIVE_INFINITY);
    this.#sweep();
  }

  /** With nothing left to wait for, the timer must not keep a script alive. */
  #sweep(): void {
    this.#expire(Date.now());
    if (this.#ends.after !== this.#ends) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #expire(now: number): void {
    for (let next = this.#ends.after; next !== this.#ends; next = this.#ends.after) {
      if (next.due > now) return;
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
