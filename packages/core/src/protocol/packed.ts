/** The calls of a pack, as they travel in one message. */
import { encode } from '../codec/index.js';
import { MessageRejectedError } from '../errors.js';
import { Encoded } from './encoded.js';
import type { Message } from './message.js';

/**
 * How many levels the arguments of a packed call may have, and its headers: a reader stops at 500, and
 * the pack's arguments, the list of calls and the call are around them.
 */
export const packedDepth = 497;

/** The name of a message that holds several calls of one task. */
export const packTask = 'dtask.pack';

/** What the calls of a pack have in common, beside their task: it stands in the pack's own envelope. */
const common = [
  'reply',
  'root',
  'parent',
  'ignoreResult',
  'resultExpires',
  'retry',
  'timeLimit',
  'softTimeLimit',
] as const satisfies readonly (keyof Message)[];

/** What each of them may have for itself. */
const own = ['headers', 'expires', 'trace'] as const satisfies readonly (keyof Message)[];

type Common = Pick<Message, (typeof common)[number]>;
type Own = Partial<Pick<Message, (typeof own)[number]>>;

/** A text that is the same for calls which may share a pack. */
export const commonKey = (message: Message): string =>
  `${message.name} ${common.map((key) => (key === 'retry' ? JSON.stringify(message.retry) : message[key])).join(' ')}`;

/**
 * Writes one call.
 *
 * @param args its arguments, encoded, as JSON
 * @throws EncodeError when its headers cannot travel, or not in a pack
 */
export function encodePacked(place: number, args: string, message: Message): string {
  let text = `{"n":${place},"args":${args}`;
  const { headers, expires, trace } = message;
  if (headers !== undefined)
    text += `,"headers":${JSON.stringify(encode(headers, 'headers', packedDepth))}`;
  if (expires !== undefined) text += `,"expires":${expires}`;
  if (trace !== undefined) text += `,"trace":${JSON.stringify(trace)}`;
  return `${text}}`;
}

/**
 * The message of a pack.
 *
 * @param first one of its calls, with what all have in common
 * @param texts the calls, written
 */
export function packMessage(id: string, first: Message, texts: readonly string[]): Message {
  const message: Record<string, unknown> = { id, name: packTask };
  for (const key of common) if (first[key] !== undefined) message[key] = first[key];
  message['args'] = [first.name, new Encoded(`[${texts.join(',')}]`)];
  return message as unknown as Message;
}

/**
 * The calls of a pack, each as a message of its own.
 *
 * @throws MessageRejectedError when the pack is damaged
 */
export function callsOf(pack: Message): Message[] {
  const [name, calls] = pack.args;
  if (typeof name !== 'string' || name === '' || !Array.isArray(calls))
    throw damaged(pack, 'it does not say which task its calls are of, or has no calls');
  const shared: Record<string, unknown> = {};
  for (const key of common) if (pack[key] !== undefined) shared[key] = pack[key];
  return calls.map((call: unknown) => callOf(pack, name, shared as Common, call));
}

function callOf(pack: Message, name: string, shared: Common, call: unknown): Message {
  if (typeof call !== 'object' || call === null) throw damaged(pack, 'one of its calls is none');
  const { n, args, headers, expires, trace } = call as Own & { n?: unknown; args?: unknown };
  if (!Number.isSafeInteger(n) || (n as number) < 0 || !Array.isArray(args))
    throw damaged(pack, 'one of its calls has no place or no arguments');
  return {
    ...shared,
    id: `${pack.id}~p${n as number}`,
    name,
    args: args as unknown[],
    ...(isObject(headers) && { headers }),
    ...(typeof expires === 'number' && { expires }),
    ...(isObject(trace) && { trace }),
  };
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

const damaged = ({ id }: Message, why: string): MessageRejectedError =>
  new MessageRejectedError(`the pack ${id} was rejected: ${why}`);
