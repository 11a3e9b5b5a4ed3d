/** BullMQ's addition of a job, made ahead for the calls of one task. */
import type { createRedisBackend, JobJson } from 'bullmq';
import type { Redis } from 'ioredis';
import { type Adding, type AddScript, addScript, type Traces } from './adding.js';
import { argumentsOf } from './own-script.js';
import { bulk, bytesOf, findScript, isAscii, type ScriptArgument } from './script-call.js';

type Backend = ReturnType<typeof createRedisBackend>;

/** As long as the ids that dtask makes: the length is part of what is made ahead. */
const markedId = '\u0001'.repeat(36);
/** A point in time, which takes eight bytes like all of this century. */
const markedTime = 1_234_567_890_123;

/**
 * Adds jobs of one name, without options, to one queue. The arguments are BullMQ's own, recorded
 * once; a job's id, time and data are put in between.
 */
export class Addition {
  readonly #script: AddScript;
  readonly #count: number;
  readonly #keys: string;
  readonly #parts: readonly string[];

  /** Gives none where BullMQ's arguments are not as expected. */
  static of(connection: Redis, backend: Backend, name: string): Addition | undefined {
    const job = { name, data: markedData, opts: {}, timestamp: markedTime } as JobJson;
    const recorded = recordCall(connection, backend, job, markedId);
    const { args } = recorded;
    const data = args.indexOf(markedData);
    if (data < 0) return undefined;
    const before = argumentsOf(args.slice(0, data));
    const after = argumentsOf(args.slice(data + 1));
    const [head, middle, tail] = split(before, [markedId, timeBytes(markedTime)]);
    if (head === undefined || middle === undefined || tail === undefined) return undefined;
    return new Addition(recorded, [head, middle, tail, after]);
  }

  private constructor(recorded: Recorded, parts: readonly string[]) {
    const { keys, args } = recorded;
    this.#script = scriptOf(recorded);
    this.#count = keys.length + args.length;
    this.#keys = argumentsOf(keys);
    this.#parts = parts;
  }

  /** Whether it can be that of a job. */
  static fits(id: string): boolean {
    return id.length === markedId.length && isAscii(id);
  }

  /** The addition of a job. */
  at(id: string, time: number, data: string, traces: Traces): Adding {
    const [head, middle, tail, after] = this.#parts;
    const args = `${head}${id}${middle}${timeBytes(time)}${tail}${bulk(bytesOf(data))}${after}`;
    return { script: this.#script, id, keys: this.#keys, args, count: this.#count, traces };
  }
}

const markedData = '{"marked":true}';

/** The addition of any job, as BullMQ would send it. */
export function additionOf(
  connection: Redis,
  backend: Backend,
  job: JobJson,
  id: string,
  traces: Traces,
): Adding {
  const recorded = recordCall(connection, backend, job, id);
  const { keys, args } = recorded;
  const count = keys.length + args.length;
  const script = scriptOf(recorded);
  return { script, id, keys: argumentsOf(keys), args: argumentsOf(args), count, traces };
}

/** What BullMQ would call to add a job. */
export interface Recorded {
  readonly lua: string;
  readonly keys: readonly ScriptArgument[];
  readonly args: readonly ScriptArgument[];
  /** Which of the keys is the stream of events, from 1. */
  readonly events: number;
}

const scriptOf = ({ lua, keys, events }: Recorded): AddScript =>
  addScript(lua, keys.length, events);

/**
 * The script that BullMQ would call, and with what.
 *
 * @throws Error where BullMQ has no such script, or one without a stream of events
 */
export function recordCall(
  connection: Redis,
  backend: Backend,
  job: JobJson,
  id: string,
): Recorded {
  let name = '';
  let all: readonly ScriptArgument[] = [];
  const recorder = {
    runCommand: (called: string, given: readonly ScriptArgument[]): string => {
      name = called.slice(0, called.indexOf(':'));
      all = given;
      return id;
    },
  };
  // It calls before it first waits, and what it gives is the id that it was given.
  void backend.addJobToTransaction(recorder as never, job, id);
  const found = findScript(connection, name);
  if (!found) throw new Error(`BullMQ has no script ${name}`);
  const { lua, numberOfKeys } = found;
  const keys = all.slice(0, numberOfKeys);
  const events = keys.indexOf(backend.toKey('events')) + 1;
  if (events === 0) throw new Error(`BullMQ's script ${name} has no stream of events`);
  return { lua, keys, args: all.slice(numberOfKeys), events };
}

const number = new DataView(new ArrayBuffer(8));
let lastTime = 0;
let lastBytes = '';

/** A time as BullMQ packs it: a double, a character for each byte. Many calls have the same. */
function timeBytes(time: number): string {
  if (time !== lastTime) {
    number.setFloat64(0, time);
    lastTime = time;
    lastBytes = Buffer.from(number.buffer).toString('latin1');
  }
  return lastBytes;
}

/** Splits a text at marks, each of which must be there once. */
function split(text: string, marks: readonly string[]): (string | undefined)[] {
  const found: (string | undefined)[] = [];
  let rest = text;
  for (const mark of marks) {
    const [before, after, ...more] = rest.split(mark);
    if (after === undefined || more.length > 0) return [];
    found.push(before);
    rest = after;
  }
  return [...found, rest];
}
