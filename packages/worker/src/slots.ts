/** How many tasks may run at a time, over all queues of a worker. */

/** A counting semaphore; whoever waits for room says who they are. */
export class Slots {
  /** They have work at hand, and get the next slots. */
  readonly #entering = new Map<object, (taken: boolean) => void>();
  /** They look for work when there is room, and may find none. */
  readonly #waiting = new Map<object, (room: boolean) => void>();
  #size: number;
  #taken = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** How many tasks may run. */
  get size(): number {
    return this.#size;
  }

  /** How many slots are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether there is work beyond the slots: somebody waits. */
  get contended(): boolean {
    return this.#waiting.size + this.#entering.size > 0;
  }

  /** Takes a slot, if one is free. */
  take(): boolean {
    if (this.#taken >= this.#size) return false;
    this.#taken += 1;
    return true;
  }

  /**
   * Takes a slot as soon as one is free, ahead of all who wait for room: those may find no job, and
   * wait for one then, with nobody to wake who comes behind them.
   *
   * @returns false when the wait was cancelled
   */
  enter(who: object): Promise<boolean> {
    if (this.take()) return Promise.resolve(true);
    return new Promise((resolve) => this.#entering.set(who, resolve));
  }

  /**
   * Waits until there may be room. Nothing is taken: whoever waits for a job as well must not hold a
   * slot meanwhile.
   *
   * @returns false when the wait was cancelled
   */
  room(who: object): Promise<boolean> {
    return new Promise((resolve) => this.#waiting.set(who, resolve));
  }

  /** Ends a wait. */
  cancel(who: object): void {
    for (const waits of [this.#waiting, this.#entering]) {
      waits.get(who)?.(false);
      waits.delete(who);
    }
  }

  /** Whether anyone else waits for room. */
  wantedBeside(who: object): boolean {
    return this.#entering.size > 0 || this.#waiting.size > (this.#waiting.has(who) ? 1 : 0);
  }

  /** Gives a slot back. */
  release(): void {
    this.#taken -= 1;
    this.offer();
  }

  /** Takes a slot that was given back for a while, at once: there may be one too many for a time. */
  takeBack(): void {
    this.#taken += 1;
  }

  /** Changes how many tasks may run. What runs beyond that goes on. */
  resize(size: number): void {
    this.#size = size;
    this.offer();
  }

  /** Calls those who wait, as far as there are free slots: also when one who was called takes none. */
  offer(): void {
    for (const [who, resolve] of this.#entering) {
      if (!this.take()) return;
      this.#entering.delete(who);
      resolve(true);
    }
    let free = this.#size - this.#taken;
    for (const [who, resolve] of this.#waiting) {
      if (free <= 0) return;
      free -= 1;
      this.#waiting.delete(who);
      resolve(true);
    }
  }
}
