/** How long chunks take, for telling which take too long. Pure. */

const kept = 64;

/** The latest durations. */
export class Durations {
  readonly #latest: number[] = [];
  #next = 0;

  /** @param ms from its sending to its end */
  add(ms: number): void {
    this.#latest[this.#next] = ms;
    this.#next = (this.#next + 1) % kept;
  }

  /** The one in the middle; nothing while there are too few to tell. */
  get median(): number | undefined {
    if (this.#latest.length < 3) return undefined;
    const sorted = [...this.#latest].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }
}
