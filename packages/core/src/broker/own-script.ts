/** Scripts of dtask's own. */
import type { Redis } from 'ioredis';
import { isUnknownScript, type Script, type ScriptArgument, scriptCall } from './script-call.js';
import { withPushes } from './pushes.js';

type Scripted<R> = Record<string, ((...args: readonly ScriptArgument[]) => Promise<R>) | undefined>;

/** A script: it goes to a server once, and is called by its hash from then on. */
export class OwnScript<R> {
  readonly #name: string;
  readonly #keys: number | undefined;
  readonly #lua: string;
  /** The sockets whose server has it, or will have when it gets there. */
  readonly #given = new WeakSet<object>();

  /**
   * @param name what it is called on a connection
   * @param keys how many of its arguments are keys; absent where the first one says so each time
   */
  constructor(name: string, keys: number | undefined, lua: string) {
    this.#name = name;
    this.#keys = keys;
    this.#lua = lua;
  }

  /** Runs it. Keys come first. */
  run(connection: Redis, ...args: readonly ScriptArgument[]): Promise<R> {
    // ioredis gives it to each server first, and puts its arguments together one by one.
    const { stream } = connection as { stream: object | undefined };
    if (!stream || !this.#given.has(stream)) {
      if (stream) this.#given.add(stream);
      return this.#give(connection, args);
    }
    const call = scriptCall(this.on(connection).sha, this.#keys, args);
    if (!call) return this.#give(connection, args);
    return (connection.sendCommand(call) as Promise<R>).catch((error: unknown) => {
      if (!isUnknownScript(error)) throw error;
      return this.#give(connection, args);
    });
  }

  /** What a connection knows it by, for a call that is made ahead. */
  on(connection: Redis): Script {
    const known = connection.scriptsSet as Record<string, Script>;
    if (!known[this.#name]) this.#define(connection);
    return known[this.#name] as Script;
  }

  #give(connection: Redis, args: readonly ScriptArgument[]): Promise<R> {
    const scripted = connection as unknown as Scripted<R>;
    if (!scripted[this.#name]) this.#define(connection);
    return (scripted[this.#name] as NonNullable<Scripted<R>[string]>)(...args);
  }

  #define(connection: Redis): void {
    const keys = this.#keys === undefined ? {} : { numberOfKeys: this.#keys };
    connection.defineCommand(this.#name, { lua: withPushes(connection, this.#lua), ...keys });
  }
}
