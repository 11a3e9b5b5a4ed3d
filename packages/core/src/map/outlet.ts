/** Where chunks wait to be taken: in their order, or as they end. Pure. */
import type { Part } from './part.js';

/** Chunks that have not been taken. */
export class Outlet {
  readonly #ordered: boolean;
  /** Those on their way and those that have ended, by number; or, without order, the latter alone. */
  readonly #parts = new Map<number, Part>();
  #next = 0;
  /** How many are on their way or wait to be taken. */
  size = 0;

  constructor(ordered: boolean) {
    this.#ordered = ordered;
  }

  /** Hears of a chunk that is sent. */
  expect(): void {
    this.size += 1;
  }

  /** Hears of a chunk that nobody wants. */
  skip(at: number): void {
    this.#next = Math.max(this.#next, at + 1);
  }

  /** Takes a chunk that has ended. */
  put(part: Part): void {
    this.#parts.set(part.at, part);
  }

  /** The chunk that is to be taken now; it counts until `release`. */
  take(): Part | undefined {
    const [first] = this.#parts.keys();
    const at = this.#ordered ? this.#next : first;
    const part = at === undefined ? undefined : this.#parts.get(at);
    if (!part) return undefined;
    this.#parts.delete(part.at);
    this.#next = part.at + 1;
    return part;
  }

  /** A chunk that was taken is used up. */
  release(): void {
    this.size -= 1;
  }
}
