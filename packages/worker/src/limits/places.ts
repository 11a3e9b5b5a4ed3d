/** How many calls of a task run at a time, over all workers: who has a place, and who waits for one. */
import { OwnScript } from '@dtask/core/internal';
import type { Redis } from 'ioredis';

/**
 * Takes a place, or a position among those who wait. Asked twice, it gives the same. KEYS: who has a
 * place; who waits; the limits with somebody who waits. ARGV: who asks; how many places; the
 * position, where it is the first time. Gives when the place was taken, in milliseconds since 1970;
 * 0 for none.
 */
const takeScript = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if redis.call('ZSCORE', KEYS[1], ARGV[1]) or redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  return now
end
redis.call('ZADD', KEYS[2], 'NX', tonumber(ARGV[3]) * 1e13 + now, ARGV[1])
redis.call('ZADD', KEYS[3], now, KEYS[1] .. ' ' .. ARGV[2])
return 0`;

/**
 * Gives a place back, and names those who may have one now. KEYS: who has a place; who waits.
 * ARGV: who gives it back, or ''; how many places; when it was taken. A worker that has lost a task does
 * not give back the place in which another one runs that by now.
 */
const leaveScript = `
if ARGV[1] ~= '' then
  local taken = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if taken and tonumber(taken) == tonumber(ARGV[3]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
end
local free = tonumber(ARGV[2]) - redis.call('ZCARD', KEYS[1])
if free <= 0 then return {} end
return redis.call('ZRANGE', KEYS[2], 0, free - 1)`;

/** Sends somebody to the end of the line, if they are in it. KEYS: who waits. ARGV: who. */
const deferScript = `
local clock = redis.call('TIME')
redis.call('ZADD', KEYS[1], 'XX', 9e13 + clock[1] * 1000 + math.floor(clock[2] / 1000), ARGV[1])`;

const deferPlace = new OwnScript<unknown>(1, deferScript);
const takePlace = new OwnScript<number>(3, takeScript);
const leavePlace = new OwnScript<string[]>(2, leaveScript);

/** The key of those who wait for a place. */
export const waitingKey = (holders: string): string => `${holders}:w`;

/** The places of all limits. */
export class Places {
  readonly #connection: Redis;
  readonly #limited: string;

  /** @param limited the key of the limits with somebody who waits */
  constructor(connection: Redis, limited: string) {
    this.#connection = connection;
    this.#limited = limited;
  }

  /**
   * Takes a place, if one is free.
   *
   * @param priority 0 (first) to 9 (last)
   * @returns when it was taken, for `leave`; 0 where none is free
   */
  take(holders: string, who: string, max: number, priority: number): Promise<number> {
    const keys = [holders, waitingKey(holders), this.#limited];
    return takePlace.run(this.#connection, ...keys, who, max, priority);
  }

  /** Lets all others go first. */
  async defer(holders: string, who: string): Promise<void> {
    await deferPlace.run(this.#connection, waitingKey(holders), who);
  }

  /** Gives those who may have a place now; they stay in line until they take it. */
  leave(holders: string, who: string, max: number, taken = 0): Promise<string[]> {
    return leavePlace.run(this.#connection, holders, waitingKey(holders), who, max, taken);
  }
}
