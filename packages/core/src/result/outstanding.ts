/** Records of tasks that are not sent yet, and of those that never will be. */
import type { Redis } from 'ioredis';
import { OwnScript } from '../broker/own-script.js';
import { followedKey, replyChannel, resultKey } from '../protocol/keys.js';
import { isOutstanding, type Outcome, parseOutcome } from '../protocol/outcome.js';
import { hasEnded } from './revocation.js';

/** A record on its way to Redis. */
export interface NotedRecord {
  readonly id: string;
  readonly text: string;
}

/**
 * Notes tasks whose messages come later. What says more is left, so that it may be done again.
 * KEYS: the records. ARGV: the records, how long to keep them in milliseconds.
 */
const noteScript = `
local form = '^{"v":1,"id":"[^"]*","state":"(%u+)"'
for i, key in ipairs(KEYS) do
  local old = redis.call('GET', key)
  if not old or string.match(old, form) == string.match(ARGV[i], form) then
    redis.call('SET', key, ARGV[i], 'PX', ARGV[#ARGV])
  end
end`;

/**
 * Stores how tasks have ended that no worker runs, unless they have ended otherwise, and tells their
 * caller. KEYS: the records, then the one that says whether somebody follows tasks of others. ARGV:
 * the caller's channel, or ''; how long to keep the records in milliseconds, 0 for ever; the records.
 */
const settleScript = `${hasEnded}
local followed = redis.call('EXISTS', KEYS[#KEYS]) == 1
local stored = {}
for i = 1, #KEYS - 1 do
  local key, record = KEYS[i], ARGV[i + 2]
  if not hasEnded(key) then
    if ARGV[2] == '0' then redis.call('SET', key, record) else redis.call('SET', key, record, 'PX', ARGV[2]) end
    if followed then redis.call('PUBLISH', key, '') end
    stored[#stored + 1] = record
  end
end
if ARGV[1] ~= '' and #stored > 0 then
  redis.call('PUBLISH', ARGV[1], '[' .. table.concat(stored, ',') .. ']')
end`;

const note = new OwnScript<unknown>(undefined, noteScript);
const settle = new OwnScript<unknown>(undefined, settleScript);

/** Most records in one command: it holds Redis for well under a millisecond. */
const portion = 128;

/** A task that is not sent yet, as JSON text. `encodeOutcome` is for what every task pays for. */
export function encodeOutstanding({
  id,
  state,
  at,
  task,
  queue,
  before,
  reply,
  ignored,
}: Omit<Outcome, 'value' | 'error'>): string {
  return JSON.stringify({ v: 1, id, state, at, task, queue, before, reply, ignored });
}

/** Notes tasks whose messages come later. */
export async function noteOutstanding(
  connection: Redis,
  prefix: string,
  records: readonly NotedRecord[],
  keep: number,
): Promise<void> {
  await inPortions(records, (some) => {
    const keys = some.map(({ id }) => resultKey(prefix, id));
    return note.run(connection, keys.length, ...keys, ...some.map(({ text }) => text), keep);
  });
}

/**
 * Stores how tasks have ended that no worker runs.
 *
 * @param reply the caller process that hears of it
 * @param keep how long the records are kept, in milliseconds; 0 for ever
 */
export async function settleTasks(
  connection: Redis,
  prefix: string,
  records: readonly NotedRecord[],
  reply: string | undefined,
  keep: number,
): Promise<void> {
  const channel = reply === undefined ? '' : replyChannel(prefix, reply);
  await inPortions(records, (some) => {
    const keys = [...some.map(({ id }) => resultKey(prefix, id)), followedKey(prefix)];
    const texts = some.map(({ text }) => text);
    return settle.run(connection, keys.length, ...keys, channel, Math.ceil(keep), ...texts);
  });
}

/** None waits for the answer to another. */
async function inPortions(
  records: readonly NotedRecord[],
  write: (some: readonly NotedRecord[]) => Promise<unknown>,
): Promise<void> {
  const written: Promise<unknown>[] = [];
  for (let from = 0; from < records.length; from += portion)
    written.push(write(records.slice(from, from + portion)));
  await Promise.all(written);
}

/** What a record says of a task that is not sent yet, or was replaced; nothing where it says anything else. */
export function parseOutstanding(text: string | null): Outcome | undefined {
  if (text === null) return undefined;
  try {
    const outcome = parseOutcome(text);
    return isOutstanding(outcome) ? outcome : undefined;
  } catch {
    // A record that nobody can read says nothing of the task.
    return undefined;
  }
}
