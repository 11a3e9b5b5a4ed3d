/** Whether Redis has taken a call before: its addition, with a look ahead in one piece with it. */
import { engineEvents } from './enter-queue.js';
import { OwnScript } from './own-script.js';

/**
 * What is done with a call that has left no trace, where it may have been taken and have ended since.
 *
 * - `kept`: whatever ended has a record; so it was not taken, and is added.
 * - `again`: it is added, and may run twice.
 * - `never`: it is not added; its caller is told that nobody knows.
 * - `named`: it is the first time, under an id that its caller chose.
 */
export type Doubt = 'kept' | 'again' | 'never' | 'named';

/** The reply that nobody knows whether a call was taken. */
export const nobodyKnows = -7_001;

/** Most of BullMQ's events that are looked through; of a queue that dtask has set up there are fewer. */
const mostEvents = 1_000;

/**
 * Adds a job by BullMQ's own script, unless it was added before: it is there, or its pack, or the record of its
 * end, or BullMQ's stream of events names it. That stream is kept short; where it goes back to when the call was first
 * written, or was never trimmed, and does not name it, it was not added.
 * KEYS: BullMQ's; behind them the record, the job or the pack that has it. ARGV: BullMQ's; behind them the
 * job's id, a time before which it was not sent by the server's clock, and the doubt.
 */
const scriptFor = (add: string, keys: number, events: number): string => `
local function add(ARGV)
${add}
end
local given = {unpack(ARGV, 1, #ARGV - 3)}
local id, since, doubt = ARGV[#ARGV - 2], tonumber(ARGV[#ARGV - 1]), ARGV[#ARGV]
local ends = {SUCCESS = true, FAILURE = true, REVOKED = true, IGNORED = true, REPLACED = true}
local state = string.match(redis.call('GETRANGE', KEYS[${keys + 1}], 0, 1023), '"state":"([^"]*)"')
if state and ends[state] then return id end
if redis.call('EXISTS', KEYS[${keys + 2}]) == 1 then return id end
if doubt == 'named' then return add(given) end
local goesBack = redis.call('XLEN', KEYS[${events}]) < ${engineEvents}
for _, event in ipairs(redis.call('XREVRANGE', KEYS[${events}], '+', '-', 'COUNT', ${mostEvents})) do
  if tonumber(string.match(event[1], '^%d+')) < since then
    goesBack = true
    break
  end
  for at = 1, #event[2], 2 do
    if event[2][at] == 'jobId' and event[2][at + 1] == id then return id end
  end
end
if doubt == 'never' and not goesBack then return ${nobodyKnows} end
return add(given)`;

/**
 * A script that adds a job, with that look ahead.
 *
 * @param add the script
 * @param keys how many keys that has
 * @param events which of them is the stream of events, from 1
 */
export const unlessTaken = (add: string, keys: number, events: number): OwnScript<unknown> =>
  new OwnScript(keys + 2, scriptFor(add, keys, events));
