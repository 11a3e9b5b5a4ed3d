/** Scripts of dtask's own. */
import { createHash } from 'node:crypto';
import { Command, type Redis } from 'ioredis';
import { bulk, bytesOf, isAscii, type ScriptArgument } from './script-call.js';
import { withPushes } from './pushes.js';

/** A script as it is on one kind of connection. */
export interface ScriptText {
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
export class ScriptCall extends Command {
  readonly #given: GivenScript;
  #socket: object | undefined;
  #last: ScriptText;

  constructor(given: GivenScript) {
    super('evalsha', [given.text.sha], { replyEncoding: 'utf8' });
    this.#given = given;
    this.#last = given.text;
  }

  override toWritable(socket: object): string | Buffer {
    return this.write(this.#given, socket);
  }

  /** What goes to a socket. */
  protected write(
    { text, args, count, isText, isWhole }: GivenScript,
    socket: object,
  ): string | Buffer {
    const { lua, sha, sockets } = text;
    this.#socket = socket;
    this.#last = text;
    const isKnown = !isWhole && sockets.has(socket);
    sockets.add(socket);
    const script = isKnown ? `${bulk('evalsha')}${bulk(sha)}` : `${bulk('eval')}${bulk(lua)}`;
    const call = `*${count + 2}\r\n${script}${args}`;
    return isText ? call : Buffer.from(call, 'latin1');
  }

  /** The server that it was written to does not have the script after all. */
  forget(): void {
    if (this.#socket) this.#last.sockets.delete(this.#socket);
  }
}

/** A script and what it is given: how many keys, the keys and the other arguments, in Redis' protocol. */
export interface GivenScript {
  readonly text: ScriptText;
  readonly args: string;
  /** How many there are. */
  readonly count: number;
  /** Whether each character of them is a byte of text. */
  readonly isText: boolean;
  /** Whether the script goes along in any case: its hash was refused, and may be once more. */
  readonly isWhole?: boolean;
}

/** A script: it goes to a server once, and is called by its hash from then on. */
export class OwnScript<R> {
  readonly #keys: number | undefined;
  readonly #lua: string;
  /** By what it is on a connection. */
  readonly #texts = new Map<string, ScriptText>();

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
    const all = this.#keys === undefined ? args : [this.#keys, ...args];
    return this.runReady(connection, argumentsOf(all), all.length);
  }

  /**
   * Runs it with arguments that are in Redis' protocol by now (`argumentsOf`).
   *
   * @param args how many keys there are comes first
   * @param count how many arguments those are
   */
  runReady(connection: Redis, args: string, count: number): Promise<R> {
    const given = { text: this.on(connection), args, count, isText: isAscii(args) };
    const call = new ScriptCall(given);
    return (connection.sendCommand(call) as Promise<R>).catch((error: unknown) => {
      if (!isUnknownScript(error)) throw error;
      call.forget();
      return connection.sendCommand(new ScriptCall({ ...given, isWhole: true })) as Promise<R>;
    });
  }

  /** What it is on a connection. */
  on(connection: Redis): ScriptText {
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
export const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOSCRIPT');
