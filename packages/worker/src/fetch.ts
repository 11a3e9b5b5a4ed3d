/** Requests for jobs: BullMQ's own, which say as well whether there is another one. */
import {
  clockOf,
  findScript,
  OwnScript,
  type ScriptArgument,
  type ServerClock,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { Backend } from './backend.js';

/** What each of the script's keys ends with, in order, where it is known. */
const keys = ['wait', '', 'prioritized', '', '', '', 'delayed', '', '', '', 'marker'];
/** Where the time is among the arguments: behind the keys and the prefix of jobs. */
const timeAt = keys.length + 1;

/**
 * Part of a script that has failed as it gave out the next job: that is no hash, say. The job's lock goes at
 * once, and the look for stalled jobs drops a job that nobody can run. KEYS[2] has the active jobs.
 *
 * @param prefix what the key of a job begins with
 * @param options BullMQ's options, in which the token is
 * @param own the job that had the token before, which is to keep its lock
 */
export const unlockNext = (prefix: string, options: string, own: string): string => `
local head = redis.call('LINDEX', KEYS[2], 0)
local lock = ${prefix} .. (head or '') .. ':lock'
if head and head ~= ${own} and redis.call('GET', lock) == cmsgpack.unpack(${options})['token'] then
  redis.call('DEL', lock)
end`;

/**
 * BullMQ's script puts up the sign that there is a job for each one that it hands out. So of the workers that
 * wait one looks for another job, which mostly is not there, and whoever got the first one looks too. This one
 * takes the sign down where no job is left, and says so: in a fifth field, with the time of the next delayed
 * one in the fourth.
 */
const scriptFor = (single: string): string => `
local function take()
${single}
end
local ok, reply = pcall(take)
if not ok then
  ${unlockNext('ARGV[1]', 'ARGV[3]', "''")}
  return redis.error_reply(type(reply) == 'table' and reply.err or tostring(reply))
end
if type(reply[1]) == 'table' and redis.call('LLEN', KEYS[1]) == 0 and redis.call('ZCARD', KEYS[3]) == 0 then
  redis.call('ZREM', KEYS[11], '0')
  local due = redis.call('ZRANGE', KEYS[7], 0, 0, 'WITHSCORES')[2]
  if due then reply[4] = tonumber(due) / 0x1000 end
  reply[5] = 1
end
return reply`;

/** The scripts by BullMQ's: connections have the same. */
const scripts = new Map<string, OwnScript<unknown>>();

function wrap(single: string): OwnScript<unknown> {
  let script = scripts.get(single);
  if (!script) scripts.set(single, (script = new OwnScript(keys.length, scriptFor(single))));
  return script;
}

/** Asks for jobs under one lock token, with BullMQ's own arguments, which are recorded once. */
export class Fetch {
  readonly #connection: Redis;
  readonly #clock: ServerClock;
  readonly #script: OwnScript<unknown>;
  readonly #given: readonly ScriptArgument[];

  /** Gives none where BullMQ's script or its arguments are not as expected. */
  static async of(
    connection: Redis,
    backend: Backend,
    token: string,
    name?: string,
  ): Promise<Fetch | undefined> {
    const single = findScript(connection, 'moveToActive');
    if (single?.numberOfKeys !== keys.length) return undefined;
    const given = await record(backend, token, name);
    const fits =
      typeof given[timeAt] === 'number' && keys.every((end, at) => String(given[at]).endsWith(end));
    return fits ? new Fetch(connection, wrap(single.lua), given) : undefined;
  }

  private constructor(
    connection: Redis,
    script: OwnScript<unknown>,
    given: readonly ScriptArgument[],
  ) {
    this.#connection = connection;
    this.#clock = clockOf(connection);
    this.#script = script;
    this.#given = given;
  }

  /**
   * Asks for a job.
   *
   * @returns what the script replied: the job's fields and id, how long the queue is held back, when
   * a delayed one is due, and 1 where there is no other job
   */
  send(): Promise<unknown> {
    return this.#script.run(this.#connection, ...this.#given.with(timeAt, this.#clock.now()));
  }
}

/** The arguments with which BullMQ would call its script. */
async function record(
  backend: Backend,
  token: string,
  name: string | undefined,
): Promise<readonly ScriptArgument[]> {
  let given: readonly ScriptArgument[] = [];
  const execCommand = (_client: unknown, _name: string, args: readonly ScriptArgument[]) => {
    given = args;
    return Promise.resolve();
  };
  const recorder = Object.create(backend, { execCommand: { value: execCommand } }) as Backend;
  await recorder.moveToActive(token, name);
  return given;
}
