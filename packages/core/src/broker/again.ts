/** Stores the message of a task that has run before, with what its job is to know of that. */
import type { JobJson } from 'bullmq';
import type { Redis } from 'ioredis';
import { jobKey, resultKey } from '../protocol/keys.js';
import { add, addScript, type Traces } from './adding.js';
import { recordCall } from './addition.js';
import { argumentsOf } from './own-script.js';
import type { HeldLock } from '../result/writer.js';
import { type JobSink, plain } from './job-sink.js';
import { clockOf } from './server-clock.js';

/** A message that is stored once more. */
export interface Again {
  readonly id: string;
  readonly name: string;
  /** The envelope. */
  readonly text: string;
  readonly queue: string;
  readonly priority: number;
  /** Wait before it may start, in milliseconds. */
  readonly delay: number;
  /**
   * Where it goes that waits for no time: `last` among its like, `first` among them as a job that is
   * given back, or `next`, ahead of all whatever their priority.
   */
  readonly turn: 'last' | 'first' | 'next';
  /** Whether its end has a record, and will be the first one. */
  readonly leavesRecord: boolean;
  /** Without it nothing is stored. */
  readonly lock: HeldLock;
  /** What its hash gets beside BullMQ's fields: names and values in turns. */
  readonly fields: readonly (string | number)[];
}

/**
 * BullMQ's own script, in one piece with the fields: a job that is there already keeps its own. The
 * keys of the job, of those with priorities, and of the lock come behind BullMQ's keys. Behind its
 * arguments come the fields, how many there are, the score of a job that comes first among its like, or
 * '', its id, and what has to be in the lock. Where that is something else the reply is the number -2.
 */
const within = (add: string, keys: number): string => `
if redis.call('GET', KEYS[${keys + 3}]) ~= ARGV[#ARGV] then return ${noLockHeld} end
local function add()
${add}
end
local isNew = redis.call('EXISTS', KEYS[${keys + 1}]) == 0
local reply = add()
if isNew and redis.call('EXISTS', KEYS[${keys + 1}]) == 1 then
  local count = tonumber(ARGV[#ARGV - 3])
  for i = #ARGV - 3 - count, #ARGV - 4, 2 do redis.call('HSET', KEYS[${keys + 1}], ARGV[i], ARGV[i + 1]) end
  if ARGV[#ARGV - 2] ~= '' then redis.call('ZADD', KEYS[${keys + 2}], ARGV[#ARGV - 2], ARGV[#ARGV - 1]) end
end
return reply`;

/** BullMQ's score of a job with a priority is this times that, and a number that counts up. */
const step = 0x100000000;

/** BullMQ's code for a lock that is not held. */
const noLockHeld = -2;

/**
 * Stores it, unless there is a job of its id; or was, where it is written a second time.
 *
 * @returns false where the lock is not held: then nothing is stored
 */
export async function addAgain(
  connection: Redis,
  prefix: string,
  { backend }: JobSink,
  again: Again,
): Promise<boolean> {
  const { id, name, text, queue, priority, delay, turn, lock } = again;
  const clock = clockOf(connection);
  const listed = delay === 0 && (turn === 'next' || (turn === 'first' && priority === 0));
  const usual = delay > 0 || priority > 0 ? { delay, priority } : plain;
  const opts = listed ? { lifo: true } : usual;
  const job = { name, data: text, opts, timestamp: clock.now() } as JobJson;
  const { keys, args, events, lua } = recordCall(connection, backend, job, id);
  const own = [jobKey(prefix, queue, id), jobKey(prefix, queue, 'prioritized'), lock.key];
  const fields = listed ? [...again.fields, ...lasting(priority)] : again.fields;
  const score = turn === 'first' && delay === 0 && priority > 0 ? priority * step : '';
  const allKeys = [...keys, ...own];
  const allArgs = [...args, ...fields, fields.length, score, id, lock.token];
  const script = addScript(within(lua, keys.length), allKeys.length, events);
  const traces: Traces = {
    // What has failed has its record before it comes to be kept.
    record: again.leavesRecord ? resultKey(prefix, id) : jobKey(prefix, queue, `${id}:none`),
    job: jobKey(prefix, queue, id),
    doubt: () => (again.leavesRecord ? 'kept' : 'again'),
    isNamed: false,
    clock,
  };
  const count = allKeys.length + allArgs.length;
  const reply = await add(connection, {
    script,
    id,
    keys: argumentsOf(allKeys),
    args: argumentsOf(allArgs),
    count,
    traces,
  });
  return reply !== noLockHeld;
}

/** What a job is to have that was put ahead of the list: the next time it comes where its like do. */
const lasting = (priority: number): readonly (string | number)[] => [
  ...['opts', JSON.stringify(priority > 0 ? { delay: 0, priority } : plain)],
  ...['priority', priority],
];
