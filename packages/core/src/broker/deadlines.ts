/** Rejects what waits too long, with one timer however much waits. */

/** Something that waits; all wait equally long, so the oldest is due first. */
interface Waiting {
  readonly due: number;
  readonly expire: () => void;
}

/** A set of things that wait for the same span. */
export class Deadlines {
  readonly #span: number;
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;

  /** @param span how long each may wait, in milliseconds */
  constructor(span: number) {
    this.#span = span;
  }

  /** Starts a wait; gives the function that ends it in time. */
  add(expire: () => void): () => void {
    const waiting: Waiting = { due: Date.now() + this.#span, expire };
    this.#waiting.add(waiting);
    // Started for a burst of waits and not for each: starting and stopping costs more than the rest.
    this.#timer ??= setInterval(() => this.#sweep(), Math.min(100, Math.max(10, this.#span / 10)));
    return () => {
      this.#waiting.delete(waiting);
    };
  }

  /** Ends every wait at once, as if its time were over. */
  expireAll(): void {
    for (const waiting of this.#waiting) waiting.expire();
    this.#waiting.clear();
    this.#sweep();
  }

  /** With nothing left to wait for, the timer must not keep a script alive. */
  #sweep(): void {
    const now = Date.now();
    for (const waiting of this.#waiting) {
      if (waiting.due > now) return;
      this.#waiting.delete(waiting);
      waiting.expire();
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
