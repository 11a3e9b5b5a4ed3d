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
    if (this.#timer === undefined) this.#schedule(this.#span);
    return () => {
      this.#waiting.delete(waiting);
      // With nothing left to wait for, the timer must not keep a script alive.
      if (this.#waiting.size === 0) this.#stop();
    };
  }

  /** Ends every wait at once, as if its time were over. */
  expireAll(): void {
    for (const waiting of this.#waiting) waiting.expire();
    this.#waiting.clear();
    this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(wait: number): void {
    this.#timer = setTimeout(() => this.#sweep(), wait);
  }

  #sweep(): void {
    const now = Date.now();
    this.#timer = undefined;
    for (const waiting of this.#waiting) {
      if (waiting.due > now) {
        this.#schedule(waiting.due - now);
        return;
      }
      this.#waiting.delete(waiting);
      waiting.expire();
    }
  }
}
