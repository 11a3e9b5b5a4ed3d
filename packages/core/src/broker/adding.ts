/** The addition of a job on its way: written once as BullMQ has it, and again only with a look whether it was taken. */
import { type Redis, ReplyError } from 'ioredis';
import { type HealingRedis, questionOf, type Refusable } from './healing-redis.js';
import { type GivenScript, isUnknownScript, OwnScript, ScriptCall } from './own-script.js';
import type { Question } from './question.js';
import { bulk, bytesOf, isAscii } from './script-call.js';
import type { ServerClock } from './server-clock.js';
import { type Doubt, nobodyKnows, unlessTaken } from './taken.js';

/** One of BullMQ's scripts that add jobs. */
export interface AddScript {
  /** BullMQ's own. */
  readonly plain: OwnScript<unknown>;
  /** With a look whether the job was added before. */
  readonly unlessTaken: OwnScript<unknown>;
  /** How many keys BullMQ's has. */
  readonly keyCount: number;
}

/** By the text: connections have the same. */
const scripts = new Map<string, AddScript>();

/**
 * A script that adds a job.
 *
 * @param events which of its keys is BullMQ's stream of events, from 1
 */
export function addScript(lua: string, keyCount: number, events: number): AddScript {
  let script = scripts.get(lua);
  if (!script) {
    const plain = new OwnScript<unknown>(keyCount, lua);
    script = { plain, unlessTaken: unlessTaken(lua, keyCount, events), keyCount };
    scripts.set(lua, script);
  }
  return script;
}

/** A job that is to be added, with the arguments in Redis' protocol: a character for each byte. */
export interface Adding {
  readonly script: AddScript;
  readonly id: string;
  readonly keys: string;
  readonly args: string;
  /** How many keys and arguments there are. */
  readonly count: number;
  /** What it is known by when it has been taken. */
  readonly traces: Traces;
}

/** What a call leaves behind that was taken. */
export interface Traces {
  /** The key of the record of its end. */
  readonly record: string;
  /** The key of its job, or of the pack that has it. */
  readonly job: string;
  /** What is done where it is written again and there is no trace. */
  readonly doubt: () => Doubt;
  /** Its caller has chosen the id: a call that was taken under it is the same one. */
  readonly isNamed: boolean;
  readonly clock: ServerClock;
}

/** How far two clocks may be apart that have been compared, in milliseconds. */
const leeway = 2_000;

class AddCall extends ScriptCall implements Refusable {
  readonly #connection: Redis;
  readonly #adding: Adding;
  /** How often it was written and not refused. */
  #writes = 0;
  /** The server's time when it was written first, or 0. */
  #since = 0;
  /** What it belongs to once it is written, where that is a question. */
  #question: Question | undefined;

  constructor(connection: Redis, adding: Adding, given: GivenScript) {
    super(given);
    this.#connection = connection;
    this.#adding = adding;
  }

  override toWritable(socket: object): string | Buffer {
    this.#writes += 1;
    if (this.#writes === 1) {
      this.#question = questionOf(this);
      if (this.#question) this.#question.possible += 1;
      const { traces } = this.#adding;
      if (traces.clock.isKnown) this.#since = traces.clock.now() - leeway;
      return traces.isNamed ? this.#look('named', socket) : super.toWritable(socket);
    }
    return this.#look(this.#adding.traces.doubt(), socket);
  }

  #look(doubt: Doubt, socket: object): string | Buffer {
    const { script, id, keys, args, count, traces } = this.#adding;
    const behind = [id, this.#since, doubt].map((arg) => bulk(bytesOf(arg))).join('');
    const more = `${bulk(bytesOf(traces.record))}${bulk(bytesOf(traces.job))}`;
    const all = `${bulk(String(script.keyCount + 2))}${keys}${more}${args}${behind}`;
    const text = script.unlessTaken.on(this.#connection);
    return this.write({ text, args: all, count: count + 6, isText: isAscii(all) }, socket);
  }

  /** A server has refused it that is not the one any more: it is as if it had not been written. */
  refused(): void {
    this.#writes -= 1;
    if (this.#writes === 0 && this.#question) this.#question.possible -= 1;
  }

  /** Whether it was written once alone. */
  get isFirst(): boolean {
    return this.#writes === 1;
  }
}

/** Sends what belongs to a question after a wait, unless nobody waits for its answer any more. */
export function later<R>(
  connection: HealingRedis,
  question: Question,
  commands: () => Promise<R>,
): Promise<R> {
  if (question.dropped) return Promise.reject(new Error('nobody waits for the answer any more'));
  return connection.asks(question, commands);
}

/** Thrown where a call may have run, may not run twice, and has left no trace. */
export class NobodyKnows extends Error {}

/**
 * Adds a job.
 *
 * @param isWhole whether the script goes along in any case
 * @returns the id of the job that is there, which of a second unique call is the first one's
 * @throws (rejects) ReplyError; NobodyKnows
 */
export function add(connection: Redis, adding: Adding, isWhole = false): Promise<unknown> {
  const { script, keys, args, count } = adding;
  const text = script.plain.on(connection);
  const all = `${bulk(String(script.keyCount))}${keys}${args}`;
  const call = new AddCall(connection, adding, {
    text,
    args: all,
    count: count + 1,
    isText: false,
    isWhole,
  });
  return (connection.sendCommand(call) as Promise<unknown>).then(checked, (error: unknown) => {
    if (!call.isFirst || !isRefusedWhole(error)) throw error;
    call.refused();
    if (!isUnknownScript(error)) throw error;
    // As of a server that was restarted, and has no scripts.
    call.forget();
    const question = questionOf(call);
    const again = (): Promise<unknown> => add(connection, adding, true);
    return question ? later(connection as HealingRedis, question, again) : again();
  });
}

function checked(reply: unknown): unknown {
  if (reply === nobodyKnows) throw new NobodyKnows('it may have been taken, and have ended since');
  return reply;
}

/** What Redis answers that has not begun with a script, nor will. Servers before 7 put words ahead of the code. */
const refusal =
  /(?:^|: -?)(?:ASK|BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|MOVED|NOAUTH|NOPERM|NOREPLICAS|NOSCRIPT|OOM|READONLY|TRYAGAIN) /;

/** Whether Redis has answered that it has done nothing of a command. (ioredis gives the class no type.) */
const isRefusedWhole = (error: unknown): boolean =>
  error instanceof (ReplyError as typeof Error) && refusal.test(error.message);
