/** Counts the items of a map, for `onProgress`. */
import type { MapProgress } from './options.js';

/** How far a map has come, and how fast. */
export class Tempo {
  readonly #onProgress: ((progress: MapProgress) => void) | undefined;
  readonly #began = performance.now();
  #sent = 0;
  #done = 0;
  #failed = 0;

  constructor(onProgress: ((progress: MapProgress) => void) | undefined) {
    this.#onProgress = onProgress;
  }

  /** Hears of items that are sent. */
  sent(items: number): void {
    this.#sent += items;
  }

  /**
   * Hears of items that have ended, and tells.
   *
   * @throws what `onProgress` throws
   */
  ended(items: number, failed: number): void {
    this.#done += items;
    this.#failed += failed;
    const seconds = Math.max(0.001, (performance.now() - this.#began) / 1_000);
    this.#onProgress?.({
      done: this.#done,
      sent: this.#sent,
      failed: this.#failed,
      perSecond: this.#done / seconds,
    });
  }
}
