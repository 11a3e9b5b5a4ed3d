/** BullMQ's sign that a queue has a job, for which workers wait. */
import { longestBlock } from '@dtask/core/internal';
import type { Redis } from 'ioredis';

export class Marker {
  readonly #connection: Redis;
  readonly #key: string;
  #alarm: NodeJS.Timeout | undefined;

  constructor(connection: Redis, key: string) {
    this.#connection = connection;
    this.#key = key;
  }

  /** Puts it up. */
  show(): void {
    this.#connection.zadd(this.#key, 0, '0').catch(() => undefined);
  }

  /** Puts it up when a delayed job is due, where that is soon. */
  showAt(due: number): void {
    const left = due - Date.now();
    this.clear();
    // This machine's clock and the server's are both read in whole milliseconds.
    if (left > 0 && left <= longestBlock) this.#alarm = setTimeout(() => this.show(), left + 2);
  }

  /** Does not put it up later on. */
  clear(): void {
    clearTimeout(this.#alarm);
  }
}
