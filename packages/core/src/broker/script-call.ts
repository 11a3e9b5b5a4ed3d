/** Calls of BullMQ's scripts whose text is mostly made ahead. */
import { Command, type Redis } from 'ioredis';

/** A command whose text is ready: ioredis would put its arguments together anew, for every job. */
export class ReadyCommand extends Command {
  readonly #bytes: Buffer;

  /** @param args only those that say where the command goes: the script, and its first key */
  constructor(args: string[], bytes: Buffer) {
    super('evalsha', args, { replyEncoding: 'utf8' });
    this.#bytes = bytes;
  }

  override toWritable(): Buffer {
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
  return [`*${all.length}\r\n`, ...all.map((arg) => bulk(bytesOf(arg)))];
}

/** How many items of `protocolOf` are ahead of the script's own arguments. */
export const ahead = 4;

/** One argument in Redis' protocol; a character stands for a byte. */
export const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

/** Whether a text's characters are one byte each. */
export const isAscii = (text: string): boolean => Buffer.byteLength(text) === text.length;

/** An argument as ioredis writes it, a character for each byte: nothing is an empty text. */
export function bytesOf(arg: ScriptArgument): string {
  if (Buffer.isBuffer(arg)) return arg.toString('latin1');
  const text = String(arg ?? '');
  return isAscii(text) ? text : Buffer.from(text).toString('latin1');
}
