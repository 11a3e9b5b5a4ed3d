/** Where a process hears of results from several shards: a mailbox for each, opened when it is needed. */
import type { Listener, OpenWait } from './entries.js';
import type { Mailbox, ResultMailbox } from './mailbox.js';
import type { Tide } from './tide.js';

/** The mailboxes of several shards, as one. */
export class Mailboxes implements ResultMailbox {
  readonly caller: string;
  readonly #main: Mailbox;
  readonly #all: readonly Mailbox[];
  readonly #of: (id: string) => Mailbox;
  readonly #tide: Tide;

  /**
   * @param main the one on which control is heard
   * @param all every one, with the same caller's name and the same tide
   * @param of gives the one of a task's shard
   */
  constructor(main: Mailbox, all: readonly Mailbox[], of: (id: string) => Mailbox, tide: Tide) {
    this.caller = main.caller;
    this.#main = main;
    this.#all = all;
    this.#of = of;
    this.#tide = tide;
  }

  get epoch(): number {
    return this.#tide.level;
  }

  wait(id: string, sentAt: number | undefined, listener: Listener): OpenWait {
    return this.#of(id).wait(id, sentAt, listener);
  }

  hear(channel: string, listener: (text: string) => void, what: string): Promise<void> {
    return this.#main.hear(channel, listener, what);
  }

  async close(error: Error): Promise<void> {
    await Promise.all(this.#all.map((mailbox) => mailbox.close(error)));
  }
}
