/** Brings jobs to the head of a waiting list. */
import type { Redis } from 'ioredis';
import { OwnScript } from './own-script.js';

/**
 * Looks through a part of the list once, and moves what it finds in one piece: no fetch sees a job
 * that is nowhere, nor the empty place that stands for it meanwhile. KEYS: the list. ARGV: where the
 * part begins and ends; the ids.
 */
const script = `
local wanted = {}
for i = 3, #ARGV do wanted[ARGV[i]] = true end
local found = {}
for i, id in ipairs(redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])) do
  if wanted[id] then
    found[#found + 1] = id
    redis.call('LSET', KEYS[1], ARGV[1] + i - 1, '')
  end
end
if #found == 0 then return 0 end
redis.call('LREM', KEYS[1], #found, '')
for i = #found, 1, -1 do redis.call('LPUSH', KEYS[1], found[i]) end
return #found`;

const move = new OwnScript<number>(1, script);

/** How much of the list is looked through: what was added meanwhile has moved the rest down. */
const part = 3_000;

/**
 * Brings jobs that are about to be removed to the head of their list: BullMQ searches the list for
 * each of them from there, which of a million that wait would take a thousand times as long.
 *
 * @param from where they were, at the earliest; those that are not there any more stay where they are
 */
export async function bringAhead(
  connection: Redis,
  list: string,
  from: number,
  ids: readonly string[],
): Promise<void> {
  if (ids.length > 0) await move.run(connection, list, from, from + part - 1, ...ids);
}
