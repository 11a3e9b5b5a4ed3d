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
 * ARGV: who gives it back, or ''; how many places; when it was taken; how many to name at most. A worker that
 * has lost a task does not give back the place in which another one runs that by now. Those at the head of the
 * line were mostly named when places before this one became free, and are on their way: where there are too many
 * to name, half of them are the last that may have one.
 */
const leaveScript = `
if ARGV[1] ~= '' then
  local taken = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if taken and tonumber(taken) == tonumber(ARGV[3]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
end
local free = tonumber(ARGV[2]) - redis.call('ZCARD', KEYS[1])
if free <= 0 then return {} end
local most = tonumber(ARGV[4])
if free <= most then return redis.call('ZRANGE', KEYS[2], 0, free - 1) end
local half = math.floor(most / 2)
local named = redis.call('ZRANGE', KEYS[2], 0, most - half - 1)
for _, who in ipairs(redis.call('ZRANGE', KEYS[2], math.max(free - half, most - half), free - 1)) do
  named[#named + 1] = who
end
return named`;

/** Sends somebody to the end of the line, if they are in it. KEYS: who waits. ARGV: who. */
const deferScript = `
local clock = redis.call('TIME')
redis.call('ZADD', KEYS[1], 'XX', 9e13 + clock[1] * 1000 + math.floor(clock[2] / 1000), ARGV[1])`;

/**
 * Frees places whose holders have died, unless they were taken anew. KEYS: who has a place. ARGV: who, and
 * since when, in turns.
 */
const freeScript = `
for at = 1, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[at]) == ARGV[at + 1] then redis.call('ZREM', KEYS[1], ARGV[at]) end
end`;

/**
 * Says that a limit was swept: it is looked at again behind the others, or no more where nobody waits. KEYS:
 * who waits; the limits with somebody who waits. ARGV: the limit.
 */
const sweptScript = `
if redis.call('EXISTS', KEYS[1]) == 0 then return redis.call('ZREM', KEYS[2], ARGV[1]) end
local clock = redis.call('TIME')
return redis.call('ZADD', KEYS[2], 'XX', clock[1] * 1000 + math.floor(clock[2] / 1000), ARGV[1])`;

const freePlaces = new OwnScript<unknown>(1, freeScript);
const sweptLimit = new OwnScript<unknown>(2, sweptScript);
const deferPlace = new OwnScript<unknown>(1, deferScript);
const takePlace = new OwnScript<number>(3, takeScript);
const leavePlace = new OwnScript<string[]>(2, leaveScript);

/** Most who are named when a place is given back: each costs a request. */
const mostNamed = 8;

/** Somebody who has a place, and since when, as Redis has it. */
export type Holder = readonly [who: string, since: string];

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
    const keys = [holders, waitingKey(holders)];
    return leavePlace.run(this.#connection, ...keys, who, max, taken, mostNamed);
  }

  /** Frees the places of holders that have died. */
  async free(holders: string, dead: readonly Holder[]): Promise<void> {
    if (dead.length > 0) await freePlaces.run(this.#connection, holders, ...dead.flat());
  }

  /** Has a limit that was looked at come behind the others; its entry is one of the set of limits. */
  async swept(holders: string, entry: string): Promise<void> {
    await sweptLimit.run(this.#connection, waitingKey(holders), this.#limited, entry);
  }
}
