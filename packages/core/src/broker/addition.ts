/** BullMQ's addition of a job, made ahead for the calls of one task. */
import type { createRedisBackend, JobJson } from 'bullmq';
import type { Redis } from 'ioredis';
import {
  ahead,
  bulk,
  bytesOf,
  findScript,
  isAscii,
  protocolOf,
  ReadyCommand,
  type ScriptArgument,
} from './script-call.js';

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
  readonly #connection: Redis;
  readonly #sha: string;
  readonly #firstKey: string;
  readonly #parts: readonly string[];

  /** Gives none where BullMQ's script or its arguments are not as expected. */
  static async of(
    connection: Redis,
    backend: Backend,
    name: string,
  ): Promise<Addition | undefined> {
    const script = findScript(connection, 'addStandardJob');
    const args = await record(backend, name);
    const data = args.indexOf(markedData);
    if (!script || data < 0) return undefined;
    const items = protocolOf(script, args);
    const before = items.slice(0, ahead + data).join('');
    const after = items.slice(ahead + data + 1).join('');
    const [head, middle, tail] = split(before, [markedId, timeBytes(markedTime)]);
    if (head === undefined || middle === undefined || tail === undefined) return undefined;
    return new Addition(connection, script.sha, String(args[0]), [head, middle, tail, after]);
  }

  private constructor(connection: Redis, sha: string, firstKey: string, parts: readonly string[]) {
    this.#connection = connection;
    this.#sha = sha;
    this.#firstKey = firstKey;
    this.#parts = parts;
  }

  /** Whether `send` can take a job. */
  static fits(id: string): boolean {
    return id.length === markedId.length && isAscii(id);
  }

  /**
   * Adds a job.
   *
   * @throws ReplyError also while the server does not have the script
   */
  send(id: string, time: number, data: string): Promise<unknown> {
    const [head, middle, tail, after] = this.#parts;
    const call = `${head}${id}${middle}${timeBytes(time)}${tail}${bulk(bytesOf(data))}${after}`;
    const command = new ReadyCommand([this.#sha, '1', this.#firstKey], Buffer.from(call, 'latin1'));
    return this.#connection.sendCommand(command) as Promise<unknown>;
  }
}

const markedData = '{"marked":true}';

/** The arguments with which BullMQ would call its script. */
async function record(backend: Backend, name: string): Promise<ScriptArgument[]> {
  let recorded: ScriptArgument[] = [];
  const recorder = {
    runCommand: (_script: string, args: ScriptArgument[]): string => {
      recorded = args;
      return markedId;
    },
  };
  const job = { name, data: markedData, opts: {}, timestamp: markedTime } as JobJson;
  await backend.addJobToTransaction(recorder as never, job, markedId);
  return recorded;
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
