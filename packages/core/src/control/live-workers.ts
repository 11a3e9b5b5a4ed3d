/** The names of the workers that live, from the claims that they renew. */
import type { Redis } from 'ioredis';
import { workersKey } from '../protocol/keys.js';

/** Who lives, and the server's time, in milliseconds. */
export interface LiveWorkers {
  readonly names: readonly string[];
  readonly now: number;
}

/** Those whose claim has lapsed are taken out: a worker that comes back renews it. KEYS: the set. */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return {now, redis.call('ZRANGE', KEYS[1], 0, -1)}`;

/** Reads who lives. */
export async function liveWorkers(connection: Redis, prefix: string): Promise<LiveWorkers> {
  const [now, names] = (await connection.eval(script, 1, workersKey(prefix))) as [number, string[]];
  return { now, names: names.sort() };
}
