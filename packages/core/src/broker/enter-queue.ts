/** What a queue has in Redis before its first task. */
import type { Redis } from 'ioredis';
import { queueMetaKey, queuesKey } from '../protocol/keys.js';

/**
 * About how many of BullMQ's own events are kept for each queue. dtask reads none of them, and
 * BullMQ's 10,000 would take a megabyte: as much as 4,000 waiting tasks.
 */
export const engineEvents = 100;

/** A Redis that has lost its data has lost the list: how often it is written anew, in milliseconds. */
const renewal = 5_000;

/** Keeps a queue on the list while this process sends to it, at the cost of a few commands now and then. */
export class QueueEntry {
  readonly #enter: () => Promise<unknown>;
  #timer: NodeJS.Timeout | undefined;
  #isUsed = false;

  /** @param enter puts it on the list */
  constructor(enter: () => Promise<unknown>) {
    this.#enter = enter;
    this.#wait();
  }

  /** It is sent to. What was sent is followed by an entry, and the first call after a pause by one at once. */
  use(): void {
    if (this.#timer) this.#isUsed = true;
    else this.#renew();
  }

  /** Does nothing any more on its own. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #renew(): void {
    // Without Redis the next call is not sent either, or the next renewal comes.
    this.#enter().catch(() => undefined);
    this.#wait();
  }

  #wait(): void {
    this.#isUsed = false;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#isUsed) this.#renew();
    }, renewal).unref();
  }
}

/**
 * Puts a queue on the list of those that there are, and sets what BullMQ keeps of it.
 *
 * Nobody has to wait for it: what is sent on the same connection behind it finds it done.
 */
export async function enterQueue(connection: Redis, prefix: string, queue: string): Promise<void> {
  await Promise.all([
    connection.sadd(queuesKey(prefix), queue),
    connection.hset(queueMetaKey(prefix, queue), 'opts.maxLenEvents', engineEvents),
  ]);
}
