/** The message of one call, version 1: what is stored as the data of a BullMQ job. */
import { decode, encode, type HandleMaker } from '../codec/index.js';
import { DecodeError, MessageRejectedError, PayloadTooLargeError } from '../errors.js';
import { formatBytes } from './bytes.js';
import type { MessageRetry } from './call-settings.js';
import { Encoded } from './encoded.js';
import type { Frame, Step } from './step.js';
import type { TraceContext } from './trace-context.js';

/** The version of the envelope that this code writes. */
export const messageVersion = 1;

/** For how long at least the result of a message is kept that may be sent twice, in milliseconds. */
export const leastTrace = 60_000;

/** One call of a task, as it travels. */
export interface Message {
  /** The task's id, which is also the BullMQ job's id. */
  readonly id: string;
  /** The task's name, which is also the BullMQ job's name. */
  readonly name: string;
  readonly args: readonly unknown[];
  /** The caller process that hears of the result. */
  readonly reply?: string;
  /** What the caller attached for the task and for middleware. */
  readonly headers?: Readonly<Record<string, unknown>>;
  /** When the call is due, in milliseconds since 1970; absent means at once. */
  readonly eta?: number;
  /** When the call is no longer wanted, in milliseconds since 1970. */
  readonly expires?: number;
  readonly ignoreResult?: boolean;
  /** How long the result is kept, in milliseconds; 0 keeps it for ever. */
  readonly resultExpires?: number;
  readonly retry?: MessageRetry;
  /** Longest run, in milliseconds, in place of the task's; 0 is none. */
  readonly timeLimit?: number;
  /** When the task is asked to end, in milliseconds from its start, in place of the task's. */
  readonly softTimeLimit?: number;
  /** `started`: when it starts, it is not the only one of its kind any more. */
  readonly unique?: string;
  /** The first task of the tree that this call belongs to; absent means itself. */
  readonly root?: string;
  /** The task that made this call. */
  readonly parent?: string;
  /** The group that it is a part of, where nothing follows that: else `next` says so. */
  readonly group?: string;
  /** The span of the call, where its caller traces. */
  readonly trace?: TraceContext;
  /** It may be sent twice, as a step of a canvas is: whoever takes it looks whether it has ended. */
  readonly once?: boolean;
  /** The group whose values come before the arguments, as a list. */
  readonly from?: string;
  /** It is the only one that gets those values: they may go when it has ended. */
  readonly only?: boolean;
  /** What follows, the nearest first. */
  readonly next?: readonly Frame[];
  /** Started with the value. */
  readonly link?: readonly Step[];
  /** Started with the failure. */
  readonly linkError?: readonly Step[];
}

/** How BullMQ tells that a call is a second one. */
export interface Deduplication {
  readonly id: string;
  /** For how long, in milliseconds; without it until the first has ended. */
  readonly ttl?: number;
}

/** By which time the times of a message were reckoned that are spans from when the call was made. */
export interface Reckoning {
  /** When it was made, by `performance.now()`. */
  readonly at: number;
  /** What this machine's clock said then. */
  readonly now: number;
  /** Whether `eta` is such a time, and `expires`. */
  readonly eta: boolean;
  readonly expires: boolean;
}

/** A message and where it goes. */
export interface Call {
  readonly message: Message;
  readonly queue: string;
  /** 0 (first) to 9 (last). */
  readonly priority: number;
  /** Wait before it may start, in milliseconds, as of when the call was made. */
  readonly delay: number;
  /** How its times were reckoned, where the server's clock was not known when it was made. */
  readonly reckoned?: Reckoning;
  /** While an equal one is there, it is not sent. */
  readonly unique?: Deduplication;
  /** Its id was chosen by its caller: what was taken under that id, and has a record, is not added again. */
  readonly isNamed?: boolean;
  /** The ids of the calls in it, where it is a pack. */
  readonly packed?: readonly string[];
  /**
   * Takes the call into a pack, as it is by now; `onStored` is called when Redis has it. Gives nothing
   * where the call has to go by itself.
   */
  readonly join?: (call: Call, onStored: () => void) => Promise<unknown> | undefined;
}

/**
 * Writes a message as the JSON text of a BullMQ job.
 *
 * @param maxPayload most bytes
 * @param levels how many levels of containers the arguments may have; 500 unless it says otherwise
 */
export function encodeMessage(message: Message, maxPayload: number, levels?: number): string {
  const { name, args } = message;
  let text = `{"v":${messageVersion},"args":${argsText(args, levels)}`;
  // Most messages have few of the fields: so those that there are, and not all that there may be.
  for (const key of Object.keys(message) as (keyof Message)[]) {
    if (!optionalKeys.has(key)) continue;
    const value = key === 'headers' ? headersOf(message) : message[key];
    if (value !== undefined) text += `,"${key}":${JSON.stringify(value)}`;
  }
  text += '}';
  // A UTF-16 unit takes at most three bytes, so most texts need no counting.
  if (text.length * 3 > maxPayload) assertSize(text, maxPayload, `the message of task ${name}`);
  return text;
}

const headersOf = ({ headers }: Message): unknown =>
  headers === undefined ? undefined : encode(headers, 'headers');

/** Arguments, some of which may be text already. */
function argsText(args: readonly unknown[], levels: number | undefined): string {
  if (!args.some(isEncoded)) return JSON.stringify(encode(args, 'args', levels));
  const texts = args.map((arg, at) =>
    isEncoded(arg) ? arg.text : JSON.stringify(encode(arg, `args[${at}]`)),
  );
  return `[${texts.join(',')}]`;
}

const isEncoded = (arg: unknown): arg is Encoded => arg instanceof Encoded;

/** Throws unless `text` fits `maxPayload` bytes. */
export function assertSize(text: string, maxPayload: number, what: string): void {
  const size = Buffer.byteLength(text);
  if (size <= maxPayload) return;
  throw new PayloadTooLargeError(
    `${what} is ${formatBytes(size)}, more than maxPayload allows (${formatBytes(maxPayload)}); ` +
      'send a reference to the data (a path, a key, an id) instead, or raise maxPayload',
  );
}

/**
 * Reads the data of a BullMQ job as a message.
 *
 * @param levels how many levels of containers the arguments may have; 500 unless it says otherwise
 * @param handles makes the handles of tasks that are among them
 * @throws MessageRejectedError when it is not an envelope that this version understands
 */
export function decodeMessage(
  id: string,
  name: unknown,
  data: unknown,
  levels?: number,
  handles?: HandleMaker,
): Message {
  if (typeof name !== 'string' || name === '') reject(id, 'it has no task name');
  if (!isRecord(data)) reject(id, 'its data is not an object');
  if (data['v'] !== messageVersion) {
    const version = data['v'];
    if (version === undefined)
      reject(id, 'it is not a dtask message: its data has no version ("v")');
    reject(
      id,
      `its version is ${JSON.stringify(version)}, and this worker reads version ${messageVersion}; upgrade the worker`,
    );
  }
  if (!Array.isArray(data['args'])) reject(id, '"args" is not an array');
  // Later versions may add fields, which are passed over.
  const message: Record<string, unknown> = { id, name };
  for (const [key, kind] of optionalFields) {
    const value = data[key];
    if (value === undefined) continue;
    if (!matches(value, kind)) reject(id, `"${key}" is not ${article(kind)}`);
    message[key] = value;
  }
  try {
    message['args'] = decode(data['args'], 'args', levels, handles);
    if (message['headers'] !== undefined)
      message['headers'] = decode(message['headers'], 'headers');
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new MessageRejectedError(`job ${id} was rejected: ${error.message}`, { cause: error });
  }
  return message as unknown as Message;
}

type Kind = 'string' | 'number' | 'boolean' | 'object' | 'array';

const optionalFields: readonly (readonly [Exclude<keyof Message, 'id' | 'name' | 'args'>, Kind])[] =
  [
    ['reply', 'string'],
    ['headers', 'object'],
    ['eta', 'number'],
    ['expires', 'number'],
    ['ignoreResult', 'boolean'],
    ['resultExpires', 'number'],
    ['retry', 'object'],
    ['timeLimit', 'number'],
    ['softTimeLimit', 'number'],
    ['unique', 'string'],
    ['root', 'string'],
    ['parent', 'string'],
    ['group', 'string'],
    ['trace', 'object'],
    ['once', 'boolean'],
    ['from', 'string'],
    ['only', 'boolean'],
    ['next', 'array'],
    ['link', 'array'],
    ['linkError', 'array'],
  ];

const optionalKeys: ReadonlySet<string> = new Set(optionalFields.map(([key]) => key));

function matches(value: unknown, kind: Kind): boolean {
  if (kind === 'object') return isRecord(value);
  if (kind === 'array') return Array.isArray(value);
  return typeof value === kind && (kind !== 'number' || Number.isFinite(value));
}

const article = (kind: Kind): string =>
  kind === 'object' || kind === 'array' ? `an ${kind}` : `a ${kind}`;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function reject(id: string, why: string): never {
  throw new MessageRejectedError(`job ${id} was rejected: ${why}`);
}
