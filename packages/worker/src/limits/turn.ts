/** The rate of a task over all workers: each start gets its time, one after another. */
import { OwnScript } from '@dtask/core/internal';
import type { Redis } from 'ioredis';

/**
 * Gives the next free time for a start, and takes it: the generic cell rate algorithm (ITU-T I.371)
 * with a burst of one, as Celery's bucket has. A task asks once; it then waits in Redis until its
 * time has come. KEYS: the next free time. ARGV: the time between two starts, in milliseconds. Gives
 * the wait in milliseconds, by the server's clock.
 */
const script = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local start = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local next = start + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.3f', next), 'PX', math.ceil(next - now) + 1000)
return string.format('%.3f', start - now)`;

const take = new OwnScript<string>(1, script);

/** Takes a turn; gives how long to wait for it, in milliseconds. */
export async function takeTurn(connection: Redis, key: string, interval: number): Promise<number> {
  return Number(await take.run(connection, key, interval));
}

/** The rate of a task on this worker alone. */
export class LocalTurns {
  readonly #next = new Map<string, number>();

  take(key: string, interval: number): number {
    const now = performance.now();
    const start = Math.max(now, this.#next.get(key) ?? 0);
    if (this.#next.size > mostKeys) this.#forgetPast(now);
    this.#next.set(key, start + interval);
    return start - now;
  }

  /** Forgets a key, and those that begin with it and a space. */
  forget(key: string): void {
    for (const one of this.#next.keys())
      if (one === key || one.startsWith(`${key} `)) this.#next.delete(one);
  }

  /** Keys whose time has passed say nothing. */
  #forgetPast(now: number): void {
    for (const [key, next] of this.#next) if (next < now) this.#next.delete(key);
  }
}

const mostKeys = 10_000;
