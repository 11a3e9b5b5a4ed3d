/** How many items go into a chunk: as many as take a worker the time that is aimed at. Pure. */

/** Most times as large as before that a chunk may get: the first are timed badly. */
const growth = 8;
/** More items than this make nothing faster. */
const largest = 1 << 20;

/** Learns from what workers report. */
export class Sizer {
  readonly #fixed: number | undefined;
  readonly #target: number;
  #size = 1;
  #perItem: number | undefined;

  /**
   * @param fixed the size of every chunk; absent where it fits itself
   * @param target how long a chunk is to take, in milliseconds
   */
  constructor(fixed: number | undefined, target: number) {
    this.#fixed = fixed;
    this.#target = target;
  }

  /** The size of the next chunk. */
  get size(): number {
    return this.#fixed ?? this.#size;
  }

  /** Hears that a worker took `ms` for so many items. */
  learn(items: number, ms: number): void {
    if (items === 0) return;
    const now = ms / items;
    // A chunk that was interrupted, or a cold compiler, is not to count for long.
    this.#perItem = this.#perItem === undefined ? now : (this.#perItem + now) / 2;
    const wanted = this.#perItem > 0 ? this.#target / this.#perItem : largest;
    const most = Math.min(wanted, this.#size * growth, largest);
    // Powers of two: a size that changes seldom is remembered in little room.
    this.#size = 2 ** Math.floor(Math.log2(Math.max(1, most)));
  }
}
