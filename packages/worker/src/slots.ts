/** How many tasks may run at a time, over all queues of a worker. */

/** A counting semaphore, first come first served. */
export class Slots {
  readonly #waiting: (() => void)[] = [];
  #free: number;
  #owed = 0;

  constructor(count: number) {
    this.#free = count;
  }

  /** Takes a slot; gives a promise only where none is free. */
  take(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free -= 1;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Takes a slot that was given back for a while; where none is free, the next one that is. */
  takeBack(): void {
    if (this.#free > 0) this.#free -= 1;
    else this.#owed += 1;
  }

  /** Gives a slot back, to whoever has waited longest. */
  release(): void {
    if (this.#owed > 0) {
      this.#owed -= 1;
      return;
    }
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
