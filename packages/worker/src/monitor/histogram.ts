/** How often a time was how long: plain numbers, one for each span of times. */

/** Upper ends of the spans, in seconds: those that Prometheus' clients begin with, and longer ones. */
export const bounds: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800,
];

/** Times, counted. */
export class Histogram {
  /** How many times fell into each span, the last of which has no end. */
  readonly #counts: number[] = Array.from({ length: bounds.length + 1 }, () => 0);
  #sum = 0;

  /** @param ms a time in milliseconds */
  add(ms: number): void {
    const seconds = ms / 1_000;
    let at = 0;
    while (at < bounds.length && seconds > (bounds[at] as number)) at += 1;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum += seconds;
  }

  /** The sum of all times, in seconds. */
  get sum(): number {
    return this.#sum;
  }

  /** How many times were at most as long as each bound, and last, how many there were. */
  cumulated(): number[] {
    let total = 0;
    return this.#counts.map((count) => (total += count));
  }
}
