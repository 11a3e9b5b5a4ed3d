/** What a queue has in Redis before its first task. */
import type { Redis } from 'ioredis';
import { queueMetaKey, queuesKey } from '../protocol/keys.js';

/**
 * About how many of BullMQ's own events are kept for each queue. dtask reads none of them, and
 * BullMQ's 10,000 would take a megabyte: as much as 4,000 waiting tasks.
 */
const engineEvents = 100;

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
