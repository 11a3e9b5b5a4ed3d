/** How beats agree which of them sends, and what is due. */
import { type BeatKeys, handover, OwnScript } from '@dtask/core/internal';
import type { Redis } from 'ioredis';

/**
 * Renews a beat's claim. The newest code that a live beat has is the one whose entries count, and a
 * beat of that code holds the lease. What is newest is what was first seen last: a process of an
 * older code that starts again changes nothing while newer ones live, and a rollback counts as soon
 * as they are gone. KEYS: the beats, their codes, the order of codes, the lease, when entries are
 * due, whose entries are there, since when there are beats. ARGV: the beat; its code; for how long a
 * claim holds, in milliseconds; most entries to give; the longest gap between two turns in which
 * beats still count as there. Gives the time; 1 if it holds the lease; then whose entries are there,
 * since when there are beats, when the first one is due, and which are due by now.
 */
const turnScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do redis.call('HDEL', KEYS[2], gone) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
local since = redis.call('GET', KEYS[7]) or now
redis.call('SET', KEYS[7], since, 'PX', ARGV[5])
local live = {}
for _, code in ipairs(redis.call('HVALS', KEYS[2])) do live[code] = true end
local last, newest, rank, oldest, least, count = 0, '', -1, '', math.huge, 0
local order = redis.call('HGETALL', KEYS[3])
for at = 1, #order, 2 do
  local code, seen = order[at], tonumber(order[at + 1])
  count = count + 1
  if seen > last then last = seen end
  if live[code] then
    if seen > rank then newest, rank = code, seen end
  elseif seen < least then oldest, least = code, seen end
end
if redis.call('HEXISTS', KEYS[3], ARGV[2]) == 0 then
  redis.call('HSET', KEYS[3], ARGV[2], last + 1)
  newest = ARGV[2]
  if count >= 50 and oldest ~= '' then redis.call('HDEL', KEYS[3], oldest) end
end
local holder = redis.call('GET', KEYS[4])
if newest ~= ARGV[2] then
  if holder == ARGV[1] then redis.call('DEL', KEYS[4]) end
  return {now, 0}
end
if holder and holder ~= ARGV[1] and redis.call('HGET', KEYS[2], holder) == newest then return {now, 0} end
redis.call('SET', KEYS[4], ARGV[1], 'PX', ARGV[3])
local due = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now, 'LIMIT', 0, ARGV[4])
local first = redis.call('ZRANGE', KEYS[5], #due, #due, 'WITHSCORES')
return {now, 1, redis.call('GET', KEYS[6]) or '', since, first[2] or '', due}`;

/** Gives a claim up. KEYS: the beats, their codes, the lease. ARGV: the beat. */
const leaveScript = `
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
if redis.call('GET', KEYS[3]) == ARGV[1] then redis.call('DEL', KEYS[3]) end
return 1`;

const turnOf = new OwnScript<[number, number, string?, (string | number)?, string?, string[]?]>(
  7,
  turnScript,
);
const leaveOf = new OwnScript<number>(3, leaveScript);

/** How a beat stands. */
export interface Turn {
  /** The server's time, in milliseconds since 1970. */
  readonly now: number;
  /** Whether this beat is the one that sends. */
  readonly leads: boolean;
  /** The code whose entries are there. */
  readonly applied: string;
  /** Since when some beat has been there all the time, in milliseconds since 1970. */
  readonly since: number;
  /** When the next entry is due that is not due by now. */
  readonly next: number | undefined;
  /** The entries that are due. */
  readonly due: readonly string[];
}

/** Who asks. */
export interface Claimant {
  readonly id: string;
  /** The hash of its code's entries. */
  readonly code: string;
}

/** Takes a turn. */
export async function takeTurn(
  connection: Redis,
  keys: BeatKeys,
  { id, code }: Claimant,
  hold: number,
  most: number,
): Promise<Turn> {
  const { beats, codes, decks, lease, due, applied, since } = keys;
  const reply = await turnOf.run(
    connection,
    ...[beats, codes, decks, lease, due, applied, since],
    ...[id, code, hold, most, handover],
  );
  const [now, leads, whose = '', from = now, first = '', names = []] = reply;
  return {
    now,
    leads: leads === 1,
    applied: whose,
    since: Number(from),
    next: first === '' ? undefined : Number(first),
    due: names,
  };
}

/** Gives the claim and the lease up, for others to take at once. */
export async function leave(connection: Redis, keys: BeatKeys, id: string): Promise<void> {
  await leaveOf.run(connection, keys.beats, keys.codes, keys.lease, id);
}
