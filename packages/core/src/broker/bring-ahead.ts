/** Brings jobs to the head of a waiting list. */
import type { Redis } from 'ioredis';
import { OwnScript } from './own-script.js';

/**
 * Looks through a part of the list once, and moves what it finds in one piece: no fetch sees a job
 * that is nowhere, nor the empty place that stands for it meanwhile. The places are searched for from the
 * end that is nearer. KEYS: the list. ARGV: where the part begins and ends; the ids. Gives how many jobs the
 * part has, and how many were moved.
 */
const script = `
local wanted = {}
for i = 3, #ARGV do wanted[ARGV[i]] = true end
local found, from = {}, tonumber(ARGV[1])
local part = redis.call('LRANGE', KEYS[1], from, ARGV[2])
local length = redis.call('LLEN', KEYS[1])
if from < 0 then from = length - #part end
for i, id in ipairs(part) do
  if wanted[id] then
    found[#found + 1] = id
    redis.call('LSET', KEYS[1], from + i - 1, '')
  end
end
if #found == 0 then return {#part, 0} end
local isNearer = from + #part / 2 > length / 2
redis.call('LREM', KEYS[1], isNearer and -#found or #found, '')
for i = #found, 1, -1 do redis.call('LPUSH', KEYS[1], found[i]) end
return {#part, #found}`;

const move = new OwnScript<[read: number, moved: number]>(1, script);

/** How much of the list one script looks through. */
const part = 3_000;
/** Fewer are found as fast by searching for each. */
const few = 8;

/**
 * Brings jobs that are about to be removed to the head of their list: BullMQ searches the list for
 * each of them from there, which of a million that wait would take a thousand times as long.
 *
 * @param from where they were, at the earliest; below zero it is counted from the end. What was added
 * meanwhile has moved the rest down, and those that are not there any more stay where they are
 */
export async function bringAhead(
  connection: Redis,
  list: string,
  from: number,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  await move.run(connection, list, from, from < 0 ? -1 : from + part - 1, ...ids);
}

/** The same of jobs of which nobody knows where they are: a part of the list after the other. */
export async function findAhead(
  connection: Redis,
  list: string,
  ids: readonly string[],
): Promise<void> {
  if (ids.length <= few) return;
  let left = ids.length;
  for (let from = 0; left > 0; from += part) {
    const [read, moved] = await move.run(connection, list, from, from + part - 1, ...ids);
    // What is found at the head stays there, and is found no second time.
    left -= moved;
    if (read < part) return;
  }
}
