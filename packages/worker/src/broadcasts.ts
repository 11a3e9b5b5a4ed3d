/** The broadcast queues of a worker: for each it has a queue of its own, and says that it listens. */
import { bullQueueName, listenersKey, ownQueue } from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import { bullmq } from './bullmq.js';
import { hold, renewal } from './presence.js';

/** What the broadcasts of a worker need of it. */
export interface BroadcastsPlace {
  readonly connection: Redis;
  readonly prefix: string;
  readonly worker: string;
  /** Those of its queues that are for all. */
  readonly queues: readonly string[];
  /** Hears of what did not work; it is tried again. */
  readonly onError: (error: unknown) => void;
}

/** How long after its claim has lapsed what a worker has left is removed, in milliseconds. */
const grace = 60_000;

/**
 * Says that a worker listens, until some time from now. KEYS: the listeners. ARGV: the worker; for how
 * long, which is nothing for one that leaves; how long others may have lapsed. Gives those that have
 * for longer.
 */
const listenScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])`;

/** Forgets a worker whose queue is gone, unless it is back. KEYS, ARGV: as above, without the times. */
const forgetScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lapsed = redis.call('ZSCORE', KEYS[1], ARGV[1])
if lapsed and tonumber(lapsed) <= now - ARGV[2] then redis.call('ZREM', KEYS[1], ARGV[1]) end`;

/**
 * Callers send to each worker whose claim holds. What a dead one leaves behind its fellows remove: it
 * stays on the list until its queue is gone, so a death on the way leaves nothing forgotten.
 */
export class Broadcasts {
  readonly #place: BroadcastsPlace;
  #timer: NodeJS.Timeout | undefined;
  #resting = false;

  constructor(place: BroadcastsPlace) {
    this.#place = place;
  }

  /** Says that it is gone, for good: its queues go as well. */
  async end(): Promise<void> {
    await this.clear().catch(this.#place.onError);
  }

  /** The queue that the worker takes what comes on a queue from. */
  source(queue: string): string {
    const { queues, worker } = this.#place;
    return queues.includes(queue) ? ownQueue(queue, worker) : queue;
  }

  /** Empties what an earlier worker of the name has left. Who was not there misses what was said. */
  async clear(): Promise<void> {
    for (const queue of this.#place.queues) await this.#remove(queue, this.#place.worker);
  }

  /** Where it says that it listens. */
  get listeners(): readonly string[] {
    const { prefix, queues } = this.#place;
    return queues.map((queue) => listenersKey(prefix, queue));
  }

  /** Begins to listen; until `leave` it goes on. */
  async listen(): Promise<void> {
    if (this.#place.queues.length === 0) return;
    await this.#claim(hold);
    if (this.#resting) return;
    this.#timer = setInterval(() => {
      this.#renew().catch(this.#place.onError);
    }, renewal);
  }

  /** Says no more that it listens, also where Redis is not there to be told. */
  rest(): void {
    this.#resting = true;
    clearInterval(this.#timer);
  }

  /** Callers pass over this worker from now on. */
  async leave(): Promise<void> {
    this.rest();
    // Not off the list: a caller that has just read it may still send, and that has to be removed.
    await this.#claim(-1).catch(this.#place.onError);
  }

  async #renew(): Promise<void> {
    for (const [queue, lapsed] of await this.#claim(hold)) {
      for (const worker of lapsed) {
        await this.#remove(queue, worker);
        const key = listenersKey(this.#place.prefix, queue);
        await this.#place.connection.eval(forgetScript, 1, key, worker, grace);
      }
    }
  }

  /** Gives the workers of each queue that are long gone. */
  #claim(time: number): Promise<(readonly [string, string[]])[]> {
    const { connection, prefix, queues, worker } = this.#place;
    return Promise.all(
      queues.map(async (queue) => {
        const key = listenersKey(prefix, queue);
        const lapsed = await connection.eval(listenScript, 1, key, worker, time, grace);
        return [queue, lapsed as string[]] as const;
      }),
    );
  }

  async #remove(queue: string, worker: string): Promise<void> {
    const { connection, prefix } = this.#place;
    const own = new bullmq.Queue(bullQueueName(ownQueue(queue, worker)), {
      connection,
      prefix,
      skipMetasUpdate: true,
      skipVersionCheck: true,
    });
    own.on('error', () => undefined);
    try {
      await own.obliterate({ force: true });
    } finally {
      await own.close();
    }
  }
}
