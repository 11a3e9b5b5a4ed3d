/** How long to wait before a process that died is started again. */

/** The first wait and the longest, in milliseconds. */
const first = 100;
const longest = 10_000;
/** A process that lived for so long, in milliseconds, did not die of how it was started. */
const healthy = 30_000;

/** Doubles with each death, until one comes late enough. */
export class Backoff {
  #wait = first;

  /** @param lived how long the process has lived, in milliseconds */
  next(lived: number): number {
    if (lived >= healthy) this.#wait = first;
    const wait = this.#wait;
    this.#wait = Math.min(longest, wait * 2);
    return wait;
  }
}
