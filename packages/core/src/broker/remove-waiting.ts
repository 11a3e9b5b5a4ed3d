/** Takes a job out of its queue, if its task has not ended and does not run. */
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { jobKey } from '../protocol/keys.js';
import { markFields } from '../protocol/marks.js';
import { findScript } from './script-call.js';

/**
 * Goes ahead of BullMQ's own script, in one piece with it. That gives 1 for a job that is not there
 * any more as well, and removes one that has failed: a task that ends while it is looked for would be
 * said to be revoked, and its result be lost. A packed call that has failed waits to be kept.
 */
const check = `
local found = redis.call('HMGET', KEYS[1], 'timestamp', 'finishedOn', '${markFields.ended}')
if not found[1] or found[2] or found[3] then return 0 end
`;

const command = 'dtaskRemoveWaiting';
type Scripted = Redis & Record<typeof command, (...args: unknown[]) => Promise<number>>;

/** Gives whether it was there and is gone now. */
export async function removeWaiting(
  bull: Queue,
  connection: Redis,
  { prefix, queue, id }: { prefix: string; queue: string; id: string },
): Promise<boolean> {
  if (!(command in connection)) {
    await bull.waitUntilReady();
    const script = findScript(connection, 'removeJob');
    // A BullMQ that has it by another name.
    if (!script) return (await bull.remove(id)) === 1;
    connection.defineCommand(command, { lua: check + script.lua, numberOfKeys: 2 });
  }
  const key = jobKey(prefix, queue, id);
  const args = [key, bull.toKey('repeat'), id, 0, bull.toKey('')];
  return (await (connection as Scripted)[command](...args)) === 1;
}
