/** Scripts of dtask's own. */
import { createHash } from 'node:crypto';
import { Command, type Redis } from 'ioredis';
import { bulk, bytesOf, isAscii, type ScriptArgument } from './script-call.js';
import { withPushes } from './pushes.js';

/** A script as it is on one kind of connection. */
interface Text {
  readonly lua: string;
  readonly sha: string;
  /** The sockets whose server has it, or will when it gets there. */
  readonly sockets: WeakSet<object>;
}

/**
 * A call: by the script's hash where the socket's server has it, and else with the script. That is
 * decided when it is written, which is once more after a reconnection: so it keeps its place among
 * the others, on a new server too.
 */
class ScriptCall extends Command {
  readonly #text: Text;
  readonly #args: string;
  readonly #count: number;
  readonly #isText: boolean;
  #socket: object | undefined;

  /** @param args in Redis' protocol, a character for each byte */
  constructor(text: Text, args: string, count: number) {
    super('evalsha', [text.sha], { replyEncoding: 'utf8' });
    this.#text = text;
    this.#args = args;
    this.#count = count;
    this.#isText = isAscii(args);
  }

  override toWritable(socket: object): string | Buffer {
    const { lua, sha, sockets } = this.#text;
    this.#socket = socket;
    const isKnown = sockets.has(socket);
    sockets.add(socket);
    const script = isKnown ? `${bulk('evalsha')}${bulk(sha)}` : `${bulk('eval')}${bulk(lua)}`;
    const call = `*${this.#count + 2}\r\n${script}${this.#args}`;
    return this.#isText ? call : Buffer.from(call, 'latin1');
  }

  /** The server that it was written to does not have the script after all. */
  forget(): void {
    if (this.#socket) this.#text.sockets.delete(this.#socket);
  }
}

/** A script: it goes to a server once, and is called by its hash from then on. */
export class OwnScript<R> {
  readonly #keys: number | undefined;
  readonly #lua: string;
  /** By what it is on a connection. */
  readonly #texts = new Map<string, Text>();

  /**
   * @param keys how many of its arguments are keys; absent where the first one says so each time
   * @param lua in ASCII
   */
  constructor(keys: number | undefined, lua: string) {
    this.#keys = keys;
    this.#lua = lua;
  }

  /** Runs it. Keys come first. */
  run(connection: Redis, ...args: readonly ScriptArgument[]): Promise<R> {
    const given = this.#keys === undefined ? args : [this.#keys, ...args];
    return this.runReady(connection, argumentsOf(given), given.length);
  }

  /**
   * Runs it with arguments that are in Redis' protocol by now (`argumentsOf`).
   *
   * @param args how many keys there are comes first
   * @param count how many arguments those are
   */
  runReady(connection: Redis, args: string, count: number): Promise<R> {
    const text = this.#on(connection);
    const call = new ScriptCall(text, args, count);
    return (connection.sendCommand(call) as Promise<R>).catch((error: unknown) => {
      if (!isUnknownScript(error)) throw error;
      call.forget();
      return connection.sendCommand(new ScriptCall(text, args, count)) as Promise<R>;
    });
  }

  #on(connection: Redis): Text {
    const lua = withPushes(connection, this.#lua);
    let text = this.#texts.get(lua);
    if (!text) {
      const sha = createHash('sha1').update(lua).digest('hex');
      this.#texts.set(lua, (text = { lua, sha, sockets: new WeakSet() }));
    }
    return text;
  }
}

/** Arguments in Redis' protocol: a character stands for a byte, for some are binary. */
export const argumentsOf = (args: readonly ScriptArgument[]): string =>
  args.map((arg) => bulk(bytesOf(arg))).join('');

/** Whether a server does not have a script. */
const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOSCRIPT');
