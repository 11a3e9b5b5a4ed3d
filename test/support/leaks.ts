/** Finds keys that stay in Redis for ever though nothing needs them. */
import type { Redis } from 'ioredis';

/** What a queue keeps once it was used, whose size does not grow with the tasks that went through it. */
const perQueue: ReadonlySet<string> = new Set([
  'meta',
  'id',
  'pc',
  'events',
  'marker',
  'stalled-check',
]);

/**
 * The keys under a prefix that have no TTL and are not among those that dtask keeps on purpose: the
 * set of queues, a few keys of each queue, and the messages of failed tasks, which are kept, bounded,
 * to be looked at.
 */
export async function findLeaks(redis: Redis, prefix: string): Promise<string[]> {
  const keys = await redis.keys(`${prefix}:*`);
  const leaks: string[] = [];
  for (const key of keys) {
    if (isKeptForAll(key, prefix) || (await redis.pttl(key)) !== -1) continue;
    if (!(await isKept(redis, prefix, key))) leaks.push(key);
  }
  return leaks.sort();
}

async function isKept(redis: Redis, prefix: string, key: string): Promise<boolean> {
  const base = /^:(\{[^{}]+\}):(.+)$/.exec(key.slice(prefix.length));
  const [, queue, part] = base ?? [];
  if (queue === undefined || part === undefined) return false;
  if (perQueue.has(part) || part === 'failed') return true;
  return (await redis.zscore(`${prefix}:${queue}:failed`, part)) !== null;
}

/** The names of the queues, and how many shards there are. */
const isKeptForAll = (key: string, prefix: string): boolean =>
  key === `${prefix}:queues` || key === `${prefix}:shards`;

/** The keys under a prefix that hold or point to messages, results or locks of tasks. */
export async function taskKeys(redis: Redis, prefix: string): Promise<string[]> {
  const keys = await redis.keys(`${prefix}:*`);
  const spared = (key: string): boolean =>
    isKeptForAll(key, prefix) ||
    key === `${prefix}:workers` ||
    key.startsWith(`${prefix}:w:`) ||
    perQueue.has(key.split(':').at(-1) ?? '');
  return keys.filter((key) => !spared(key)).sort();
}
