/** Takes failed jobs out of where they are kept: back to their queue, or away. */
import type { QueueOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { findScript } from '../../broker/script-call.js';
import { StartupError } from '../../errors.js';
import { bullQueueName, failedKey, jobKey } from '../../protocol/keys.js';
import { markFields } from '../../protocol/marks.js';
import type { Head } from './failed-heads.js';

const marks = Object.values(markFields)
  .map((field) => `'${field}'`)
  .join(', ');

/**
 * BullMQ's own way back to a queue, for a job that is still the failure that was looked at: of two
 * who press retry at once, one comes second. What the last runs left in the job goes; what the
 * failed store knows of it stays in `hist`. Ahead of BullMQ's arguments: KEYS as BullMQ's; ARGV: 1
 * to 6 BullMQ's; 7 when it failed; 8 its history; 9 its data, where that changes.
 */
const retryScript = (reprocessJob: string): string => `
if redis.call('ZSCORE', KEYS[3], ARGV[1]) ~= ARGV[7] then return 0 end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[1], 'err', 'stacktrace', 'stc', 'defa', ${marks})
redis.call('HSET', KEYS[1], 'hist', ARGV[8])
if ARGV[9] ~= '' then redis.call('HSET', KEYS[1], 'data', ARGV[9]) end
local function reprocess()
${reprocessJob}
end
return reprocess()`;

/**
 * Removes a job that is still the failure that was looked at, or any where '' was. KEYS: the failed
 * jobs, the job, its logs. ARGV: the job's id, when it failed.
 */
const dropScript = `
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not at or (ARGV[2] ~= '' and at ~= ARGV[2]) then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2], KEYS[3])
return 1`;

type Scripted = Redis & Record<'dtaskRetry' | 'dtaskDrop', (...args: string[]) => Promise<unknown>>;

/** A failed job that is to run again. */
export interface Retrial {
  readonly head: Head;
  /** Its history, with this failure, as text. */
  readonly history: string;
  /** Its data, where that changes. */
  readonly data: string;
}

/** Puts failed jobs back into their queues; gives for each whether it went. */
export async function moveBack(
  connection: Redis,
  prefix: string,
  retrials: readonly Retrial[],
): Promise<boolean[]> {
  const scripted = await withRetry(connection, prefix);
  return Promise.all(
    retrials.map(async ({ head: { queue, id, at }, history, data }) => {
      const base = jobKey(prefix, queue, '');
      const names = ['events', 'failed', 'wait', 'meta', 'active', 'marker', 'prioritized', 'pc'];
      const keys = [id, ...names].map((name) => base + name);
      // As BullMQ gives them: to the end of the line, with all attempts to come.
      const own = [id, 'LPUSH', 'failedReason', 'failed', '1', '1'];
      return (await scripted.dtaskRetry(...keys, ...own, at, history, data)) === 1;
    }),
  );
}

/** Removes failed jobs; gives how many there were. */
export async function removeFailed(
  connection: Redis,
  prefix: string,
  heads: readonly Head[],
): Promise<number> {
  if (!('dtaskDrop' in connection))
    connection.defineCommand('dtaskDrop', { lua: dropScript, numberOfKeys: 3 });
  const removed = await Promise.all(
    heads.map(({ queue, id, at }) => {
      const job = jobKey(prefix, queue, id);
      const keys = [failedKey(prefix, queue), job, `${job}:logs`];
      return (connection as Scripted).dtaskDrop(...keys, id, at);
    }),
  );
  return removed.filter((one) => one === 1).length;
}

/** BullMQ's scripts are on a connection once one of its backends was opened there. */
async function withRetry(connection: Redis, prefix: string): Promise<Scripted> {
  if ('dtaskRetry' in connection) return connection as Scripted;
  if (!findScript(connection, 'reprocessJob')) {
    const bullmq = await import('bullmq');
    const options: QueueOptions = { connection, prefix, skipVersionCheck: true };
    const backend = bullmq.createRedisBackend(bullQueueName('failed'), options);
    backend.on('error', () => undefined);
    await backend.client;
    await backend.close();
  }
  const script = findScript(connection, 'reprocessJob');
  if (!script)
    throw new StartupError('this BullMQ has no script to retry a job: dtask was made for 6.7.0');
  connection.defineCommand('dtaskRetry', {
    lua: retryScript(script.lua),
    numberOfKeys: script.numberOfKeys,
  });
  return connection as Scripted;
}
