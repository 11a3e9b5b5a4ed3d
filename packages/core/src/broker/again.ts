/** Stores the message of a task that has run before, with what its job is to know of that. */
import type { JobJson } from 'bullmq';
import type { Redis } from 'ioredis';
import { jobKey } from '../protocol/keys.js';
import type { HeldLock } from '../result/writer.js';
import { type JobSink, plain } from './job-sink.js';
import { findScript, type ScriptArgument } from './script-call.js';

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

type Scripted = Record<string, (...args: readonly ScriptArgument[]) => Promise<unknown>>;

/** BullMQ's score of a job with a priority is this times that, and a number that counts up. */
const step = 0x100000000;

/** BullMQ's code for a lock that is not held. */
const noLockHeld = -2;

/**
 * Stores it, unless there is a job of its id.
 *
 * @returns false where the lock is not held: then nothing is stored
 */
export async function addAgain(
  connection: Redis,
  prefix: string,
  { backend }: JobSink,
  again: Again,
): Promise<boolean> {
  const { id, queue, priority, delay, turn, lock } = again;
  const listed = delay === 0 && (turn === 'next' || (turn === 'first' && priority === 0));
  const { script, args } = await record(backend, again, listed);
  const command = `dtaskAgain:${script}`;
  const known = findScript(connection, script);
  if (!known) throw new Error(`BullMQ has no script ${script}`);
  const { numberOfKeys: keys, lua } = known;
  if (!(command in connection))
    connection.defineCommand(command, { lua: within(lua, keys), numberOfKeys: keys + 3 });
  const own = [jobKey(prefix, queue, id), jobKey(prefix, queue, 'prioritized'), lock.key];
  const fields = listed ? [...again.fields, ...lasting(priority)] : again.fields;
  const all = [...args.slice(0, keys), ...own, ...args.slice(keys), ...fields, fields.length];
  const score = turn === 'first' && delay === 0 && priority > 0 ? priority * step : '';
  const scripted = connection as unknown as Scripted;
  return (await scripted[command]?.(...all, score, id, lock.token)) !== noLockHeld;
}

/** What a job is to have that was put ahead of the list: the next time it comes where its like do. */
const lasting = (priority: number): readonly (string | number)[] => [
  ...['opts', JSON.stringify(priority > 0 ? { delay: 0, priority } : plain)],
  ...['priority', priority],
];

/** The script that BullMQ would call, and with what. */
async function record(
  backend: JobSink['backend'],
  { id, name, text, delay, priority }: Again,
  listed: boolean,
): Promise<{ script: string; args: readonly ScriptArgument[] }> {
  let script = '';
  let args: readonly ScriptArgument[] = [];
  const recorder = {
    runCommand: (called: string, given: readonly ScriptArgument[]): string => {
      script = called.slice(0, called.indexOf(':'));
      args = given;
      return id;
    },
  };
  const usual = delay > 0 || priority > 0 ? { delay, priority } : plain;
  const opts = listed ? { lifo: true } : usual;
  const job = { name, data: text, opts, timestamp: Date.now() } as JobJson;
  await backend.addJobToTransaction(recorder as never, job, id);
  return { script, args };
}
