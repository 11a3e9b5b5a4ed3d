/** Calls of BullMQ's scripts whose text is mostly made ahead. */
import { Command, type Redis } from 'ioredis';

/** A command whose text is ready: ioredis would put its arguments together anew, for every job. */
export class ReadyCommand extends Command {
  readonly #bytes: Buffer | string;

  /** @param args only those that say where the command goes: the script, and its first key */
  constructor(args: string[], bytes: Buffer | string) {
    super('evalsha', args, { replyEncoding: 'utf8' });
    this.#bytes = bytes;
  }

  override toWritable(): Buffer | string {
    return this.#bytes;
  }
}

/** What ioredis keeps of a script. */
export interface Script {
  readonly sha: string;
  readonly numberOfKeys: number;
  readonly lua: string;
}

/** Finds one of BullMQ's scripts, if the connection has it. Its name ends with BullMQ's version. */
export function findScript(connection: Redis, name: string): Script | undefined {
  const scripts = connection.scriptsSet as Record<string, Script>;
  const full = Object.keys(scripts).find((one) => one.startsWith(`${name}:`));
  return full === undefined ? undefined : scripts[full];
}

/** One argument, as ioredis takes it. */
export type ScriptArgument = string | number | boolean | Buffer | undefined;

/**
 * The call of a script in Redis' protocol, an item for each argument and one at the head. It is text
 * in which each character stands for a byte, because some arguments are binary.
 */
export function protocolOf(script: Script, args: readonly ScriptArgument[]): string[] {
  const all = ['evalsha', script.sha, script.numberOfKeys, ...args];
  return [`*${all.length}\r\n`, ...all.map((arg) => bulk(binary(arg)))];
}

/** How many items of `protocolOf` are ahead of the script's own arguments. */
export const ahead = 4;

/** One argument in Redis' protocol; a character stands for a byte. */
export const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

/** Whether a text's characters are one byte each. */
export const isAscii = (text: string): boolean => Buffer.byteLength(text) === text.length;

/** As ioredis writes it: nothing is an empty text. */
function binary(arg: ScriptArgument): string {
  if (Buffer.isBuffer(arg)) return arg.toString('latin1');
  return Buffer.from(String(arg ?? '')).toString('latin1');
}

/** Whether a server does not have a script. */
export const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOSCRIPT');

/**
 * A call whose arguments are texts and numbers, and are all known at once.
 *
 * @param keys how many of them are keys; absent where the first one says so
 * @returns none where one of them is anything else
 */
export function scriptCall(
  sha: string,
  keys: number | undefined,
  args: readonly ScriptArgument[],
): ReadyCommand | undefined {
  const count = args.length + (keys === undefined ? 2 : 3);
  let text = `*${count}\r\n$7\r\nevalsha\r\n$40\r\n${sha}\r\n`;
  if (keys !== undefined) text += bulk(String(keys));
  for (const arg of args) {
    if (typeof arg === 'string') text += `$${arg.length}\r\n${arg}\r\n`;
    else if (typeof arg === 'number') text += bulk(String(arg));
    else return undefined;
  }
  if (!isAscii(text)) return undefined;
  return new ReadyCommand([sha], text);
}
