/** Takes single calls out of packs that wait: they are marked, and end here. */
import type { Redis } from 'ioredis';
import { OwnScript } from '../broker/own-script.js';
import { jobKey, lockKey, replyChannel, resultKey } from '../protocol/keys.js';
import { markFields } from '../protocol/marks.js';
import { decodeMessage, type Message } from '../protocol/message.js';
import { packOf } from '../protocol/pack.js';
import { callsOf, packTask } from '../protocol/packed.js';
import { encodeOutcome, type Outcome } from '../protocol/outcome.js';
import { hasEnded, type PlacedTask, storeRevocation } from './revocation.js';

/** What says that a call has ended elsewhere. */
const taken = JSON.stringify({ taken: true });

/** Reads the marks of a pack's calls, for the scripts behind it. */
const readMarks = `
local old = redis.call('HGET', KEYS[1], '${markFields.revokedCalls}')
local ok, marks = pcall(cjson.decode, old or '{}')
if not ok or type(marks) ~= 'table' then marks = {} end
`;

/**
 * Marks a call of a pack, unless one of them has ended, and never weakens a mark. KEYS: the pack's
 * job, the call's record. ARGV: the call's id, the mark, '1' where it asks for the task's death.
 */
const markScript = `${hasEnded}
local found = redis.call('HMGET', KEYS[1], 'name', 'finishedOn')
if found[1] ~= '${packTask}' or found[2] or hasEnded(KEYS[2]) then return 0 end
${readMarks}
if marks[ARGV[1]] == '${taken}' then return 0 end
if ARGV[3] == '1' or not marks[ARGV[1]] then
  marks[ARGV[1]] = ARGV[2]
  redis.call('HSET', KEYS[1], '${markFields.revokedCalls}', cjson.encode(marks))
end
return 1`;

/**
 * Marks a call of a pack that waits as taken: the worker passes it over. KEYS: the pack's job, its
 * lock, the call's record. ARGV: the call's id, the mark. Gives the pack's data; nothing where the pack
 * does not wait, or the call has ended or been taken.
 */
const takeScript = `${hasEnded}
local found = redis.call('HMGET', KEYS[1], 'name', 'finishedOn', 'data')
if found[1] ~= '${packTask}' or found[2] or redis.call('EXISTS', KEYS[2]) == 1 then return false end
if hasEnded(KEYS[3]) then return false end
${readMarks}
if marks[ARGV[1]] == ARGV[2] then return false end
marks[ARGV[1]] = ARGV[2]
redis.call('HSET', KEYS[1], '${markFields.revokedCalls}', cjson.encode(marks))
return found[3]`;

const setMark = new OwnScript<number>(2, markScript);
const take = new OwnScript<string | null>(3, takeScript);

/** Whether a call may be one of a pack, by its id. */
export const isPacked = (id: string): boolean => packOf(id) !== id;

/** Marks a call in the pack that has it; gives 1 where there is one. */
export function markPacked(
  connection: Redis,
  prefix: string,
  { id, queue }: PlacedTask,
  mark: string,
  deadly: '0' | '1',
): Promise<number> {
  const key = jobKey(prefix, queue, packOf(id));
  return setMark.run(connection, key, resultKey(prefix, id), id, mark, deadly);
}

/** How a call that was taken out ends. */
export interface PackedEnd {
  readonly prefix: string;
  readonly outcomeOf: (message: Message) => Outcome;
  /** How long results are kept that do not say so, in milliseconds. */
  readonly keep: number;
}

/**
 * Takes a call out of a pack that waits.
 *
 * @returns its message; nothing where it does not wait, or has ended already
 */
export async function takePacked(
  connection: Redis,
  { id, queue }: PlacedTask,
  { prefix, outcomeOf, keep }: PackedEnd,
): Promise<Message | undefined> {
  const pack = packOf(id);
  const record = resultKey(prefix, id);
  const keys = [jobKey(prefix, queue, pack), lockKey(prefix, queue, pack), record] as const;
  const data = await take.run(connection, ...keys, id, taken);
  const message = data === null ? undefined : findCall(pack, data, id);
  if (!message || message.ignoreResult) return message;
  const ended = await storeRevocation(
    connection,
    { record, lock: lockKey(prefix, queue, id) },
    encodeOutcome(outcomeOf(message), Number.MAX_SAFE_INTEGER),
    message.resultExpires ?? keep,
    message.reply === undefined ? '' : replyChannel(prefix, message.reply),
  );
  return ended ? message : undefined;
}

/** A call in the data of a pack; nothing where nobody can read that. */
export function findCall(pack: string, data: string, id: string): Message | undefined {
  try {
    const message = decodeMessage(pack, packTask, JSON.parse(data));
    return callsOf(message).find((call) => call.id === id);
  } catch {
    // The worker that takes it says what is wrong with it.
    return undefined;
  }
}

/** A message, or the calls in it. */
export function callsIn(message: Message): Message[] {
  if (message.name !== packTask) return [message];
  try {
    return callsOf(message);
  } catch {
    // As above.
    return [];
  }
}
