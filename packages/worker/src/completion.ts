/** BullMQ's completion of a job, with arguments that are made once and sent for many jobs. */
import {
  argumentsOf,
  bulk,
  clockOf,
  findScript,
  OwnScript,
  type Proof,
  type ScriptArgument,
  type ServerClock,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { Backend } from './backend.js';
import { unlockNext } from './fetch.js';

/** Stands for the job's id in the arguments that are taken apart. */
const mark = '\u0001';

/** How many keys BullMQ's script has; its arguments are behind them. */
export const keyCount = 14;
/** How many arguments it has. */
export const argumentCount = 9;

/** What a completion replies where the outcomes ahead of it were not stored. */
export const notStored = -20;

/** Where a proof is asked for: it is behind BullMQ's keys. */
export type Shown = Pick<Proof, 'key' | 'value'> | undefined;

/** Goes ahead of what completes jobs: nothing ends whose outcome is not stored. */
export const guard = (value: string): string => `
if ${value} ~= '' and redis.call('GET', KEYS[${keyCount + 1}]) ~= ${value} then return ${notStored} end
`;

/** The ids whose characters are one byte each. */
const plain = /^[\x21-\x7e]+$/;

/** The scripts by BullMQ's: connections have the same. */
const scripts = new Map<string, OwnScript<unknown>>();

function wrap(single: string): OwnScript<unknown> {
  let script = scripts.get(single);
  if (!script) {
    const lua = `${guard(`ARGV[${argumentCount + 1}]`)}
local function complete()
${single}
end
local ok, reply = pcall(complete)
if ok then return reply end
${unlockNext('ARGV[7]', 'ARGV[8]', 'ARGV[1]')}
return redis.error_reply(type(reply) == 'table' and reply.err or tostring(reply))`;
    scripts.set(single, (script = new OwnScript(undefined, lua)));
  }
  return script;
}

/**
 * Completes jobs under one lock token, and fetches the next one each time: `moveToCompleted` with
 * BullMQ's own arguments. Only what differs from job to job is put between them. They are kept as
 * text in which each character stands for a byte, for one of the arguments is binary.
 */
export class Completion {
  readonly #connection: Redis;
  readonly #clock: ServerClock;
  readonly #jobPrefix: string;
  readonly #script: OwnScript<unknown>;
  readonly #parts: readonly [string, string, string, string];
  readonly #given: readonly ScriptArgument[];

  /** Gives none while the connection does not have BullMQ's script, or where that is not as expected. */
  static of(connection: Redis, backend: Backend, token: string): Completion | undefined {
    const script = findScript(connection, 'moveToFinished');
    if (script?.numberOfKeys !== keyCount) return undefined;
    return new Completion(connection, backend, token, wrap(script.lua));
  }

  private constructor(
    connection: Redis,
    backend: Backend,
    token: string,
    script: OwnScript<unknown>,
  ) {
    this.#connection = connection;
    this.#clock = clockOf(connection);
    this.#jobPrefix = backend.toKey('');
    this.#script = script;
    const job = { id: mark, name: '', data: {}, opts: {} } as Parameters<
      Backend['moveToCompletedArgs']
    >[0];
    const given: readonly ScriptArgument[] = backend.moveToCompletedArgs(
      job,
      undefined,
      undefined as never,
      token,
      true,
    );
    this.#given = given;
    const key = given.indexOf(`${this.#jobPrefix}${mark}`);
    const id = given.indexOf(mark);
    this.#parts = [
      argumentsOf([keyCount + 1, ...given.slice(0, key)]),
      argumentsOf(given.slice(key + 1, keyCount)),
      argumentsOf(given.slice(keyCount, id)),
      // The job's id is followed by the time.
      argumentsOf(given.slice(id + 2)),
    ];
  }

  /** BullMQ's options, which differ by the token. */
  get options(): ScriptArgument {
    return this.#given[keyCount + 7];
  }

  /** The script's keys and arguments for a job that is complete now. */
  given(id: string): ScriptArgument[] {
    const given = [...this.#given];
    given[keyCount - 3] = this.#jobPrefix + id;
    given[keyCount] = id;
    given[keyCount + 1] = this.#clock.now();
    return given;
  }

  /** Whether `send` can take a job. */
  static fits(id: string | undefined): id is string {
    return id !== undefined && plain.test(id);
  }

  /**
   * Completes a job. Its result is elsewhere: BullMQ gets none.
   *
   * @param shown what has to be stored ahead of it, where that is not certain
   * @returns what the script replied: the next job's fields and id, or a negative number
   */
  send(id: string, shown?: Shown): Promise<unknown> {
    const [keys, more, ahead, behind] = this.#parts;
    const key = this.#jobPrefix + id;
    const proof = bulk(shown?.key ?? key);
    const now = bulk(String(this.#clock.now()));
    const value = bulk(String(shown?.value ?? ''));
    const args = `${keys}${bulk(key)}${more}${proof}${ahead}${bulk(id)}${now}${behind}${value}`;
    return this.#script.runReady(this.#connection, args, keyCount + argumentCount + 3);
  }
}
