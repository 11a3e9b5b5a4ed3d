/** Removes jobs of a queue that do not run, the oldest first. */
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { findScript, type Script } from './script-call.js';

/** What BullMQ's script does at the end of its work on a list: it goes through all of that. */
const search = 'rcall("LREM", listKey, 0, deletionMarker)';
/** The same from the end at which it has put its marks, and no further than the last of them. */
const nearSearch =
  'if deletedCount > 0 then rcall("LREM", listKey, -deletedCount, deletionMarker) end';

const command = 'dtaskClean';
type Scripted = Redis & Record<typeof command, (...args: unknown[]) => Promise<string[]>>;

/** However far the clock of those is ahead who sent them. */
const anyTime = Number.MAX_SAFE_INTEGER;

/**
 * Removes the oldest jobs that are in a state, by BullMQ's own script.
 *
 * @returns how many, `most` at most; fewer where no more are left
 */
export async function cleanQueue(
  bull: Queue,
  connection: Redis,
  state: 'wait' | 'prioritized' | 'delayed' | 'failed',
  most: number,
): Promise<number> {
  await bull.waitUntilReady();
  const script = findScript(connection, 'cleanJobsInSet');
  // A BullMQ that has it by another name.
  if (!script) return (await bull.clean(0, most, state)).length;
  if (!(command in connection)) connection.defineCommand(command, near(script));
  const keys = [state, 'events', 'repeat'].map((name) => bull.toKey(name));
  const args = [bull.toKey(''), anyTime, most, state];
  return (await (connection as Scripted)[command](...keys, ...args)).length;
}

const near = ({ lua, numberOfKeys }: Script): { lua: string; numberOfKeys: number } => ({
  lua: lua.replace(search, nearSearch),
  numberOfKeys,
});
