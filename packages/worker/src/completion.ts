/** BullMQ's completion of a job, as bytes that are made once and sent for many jobs. */
import {
  ahead,
  bulk,
  findScript,
  protocolOf,
  ReadyCommand,
  type Script,
  type ScriptArgument,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { Backend } from './backend.js';

/** Stands for the job's id in the arguments that are taken apart. */
const mark = '\u0001';

/** How many keys the script has; its arguments are behind them. */
export const keyCount = 14;

/** The ids whose characters are one byte each. */
const plain = /^[\x21-\x7e]+$/;

/**
 * Completes jobs under one lock token, and fetches the next one each time: `moveToCompleted` with
 * BullMQ's own arguments. Only what differs from job to job is put between them. They are kept as
 * text in which each character stands for a byte, for one of the arguments is binary.
 */
export class Completion {
  readonly #connection: Redis;
  readonly #jobPrefix: string;
  readonly #sha: string;
  readonly #parts: readonly [string, string, string];
  readonly #given: readonly ScriptArgument[];

  /** Gives none while the connection does not have BullMQ's script. */
  static of(connection: Redis, backend: Backend, token: string): Completion | undefined {
    const script = findScript(connection, 'moveToFinished');
    return script && new Completion(connection, backend, token, script);
  }

  private constructor(connection: Redis, backend: Backend, token: string, script: Script) {
    this.#connection = connection;
    this.#jobPrefix = backend.toKey('');
    this.#sha = script.sha;
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
    const items = protocolOf(script, given);
    const key = given.indexOf(`${this.#jobPrefix}${mark}`) + ahead;
    const id = given.indexOf(mark) + ahead;
    this.#parts = [
      items.slice(0, key).join(''),
      items.slice(key + 1, id).join(''),
      // The job's id is followed by the time.
      items.slice(id + 2).join(''),
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
    given[keyCount + 1] = Date.now();
    return given;
  }

  /** Whether `send` can take a job. */
  static fits(id: string | undefined): id is string {
    return id !== undefined && plain.test(id);
  }

  /**
   * Completes a job. Its result is elsewhere: BullMQ gets none.
   *
   * @returns what the script replied: the next job's fields and id, or a negative number
   * @throws ReplyError also while the server does not have the script
   */
  send(id: string): Promise<unknown> {
    const [head, middle, tail] = this.#parts;
    const key = this.#jobPrefix + id;
    const text = head + bulk(key) + middle + bulk(id) + bulk(String(Date.now())) + tail;
    const command = new ReadyCommand([this.#sha, '1', key], Buffer.from(text, 'latin1'));
    return this.#connection.sendCommand(command) as Promise<unknown>;
  }
}
