/** Scripts of dtask's own. */
import type { Redis } from 'ioredis';
import type { ScriptArgument } from './script-call.js';
import { withPushes } from './pushes.js';

type Scripted<R> = Record<string, ((...args: readonly ScriptArgument[]) => Promise<R>) | undefined>;

/** A script: it goes to a server once, and is called by its hash from then on. */
export class OwnScript<R> {
  readonly #name: string;
  readonly #keys: number | undefined;
  readonly #lua: string;

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
    const scripted = connection as unknown as Scripted<R>;
    if (!scripted[this.#name]) {
      const keys = this.#keys === undefined ? {} : { numberOfKeys: this.#keys };
      connection.defineCommand(this.#name, { lua: withPushes(connection, this.#lua), ...keys });
    }
    return (scripted[this.#name] as NonNullable<Scripted<R>[string]>)(...args);
  }
}
