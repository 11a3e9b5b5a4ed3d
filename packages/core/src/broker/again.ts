/** Stores the message of a task that has run before, with what its job is to know of that. */
import type { JobJson } from 'bullmq';
import type { Redis } from 'ioredis';
import { jobKey } from '../protocol/keys.js';
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
  /** What its hash gets beside BullMQ's fields: names and values in turns. */
  readonly fields: readonly (string | number)[];
}

/**
 * BullMQ's own script, in one piece with the fields: a job that is there already keeps its own. The
 * key of the job comes behind BullMQ's keys, the fields come behind its arguments: how many there are
 * is the last.
 */
const within = (add: string, keys: number): string => `
local function add()
${add}
end
local isNew = redis.call('EXISTS', KEYS[${keys + 1}]) == 0
local reply = add()
if isNew and redis.call('EXISTS', KEYS[${keys + 1}]) == 1 then
  local count = tonumber(ARGV[#ARGV])
  for i = #ARGV - count, #ARGV - 1, 2 do redis.call('HSET', KEYS[${keys + 1}], ARGV[i], ARGV[i + 1]) end
end
return reply`;

type Scripted = Record<string, (...args: readonly ScriptArgument[]) => Promise<unknown>>;

/** Stores it, unless there is a job of its id. */
export async function addAgain(
  connection: Redis,
  prefix: string,
  { backend }: JobSink,
  again: Again,
): Promise<void> {
  const { script, args } = await record(backend, again);
  const command = `dtaskAgain:${script}`;
  const known = findScript(connection, script);
  if (!known) throw new Error(`BullMQ has no script ${script}`);
  const { numberOfKeys: keys, lua } = known;
  if (!(command in connection))
    connection.defineCommand(command, { lua: within(lua, keys), numberOfKeys: keys + 1 });
  const key = jobKey(prefix, again.queue, again.id);
  const all = [...args.slice(0, keys), key, ...args.slice(keys), ...again.fields];
  await (connection as unknown as Scripted)[command]?.(...all, again.fields.length);
}

/** The script that BullMQ would call, and with what. */
async function record(
  backend: JobSink['backend'],
  { id, name, text, delay, priority }: Again,
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
  const opts = delay > 0 || priority > 0 ? { delay, priority } : plain;
  const job = { name, data: text, opts, timestamp: Date.now() } as JobJson;
  await backend.addJobToTransaction(recorder as never, job, id);
  return { script, args };
}
