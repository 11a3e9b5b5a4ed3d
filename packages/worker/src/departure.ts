/** How a worker leaves: in order where Redis answers, and in time where it does not. */
import type { WorkerLog } from './log.js';
import type { Parts } from './parts.js';
import { within } from './within.js';

/** Longest that Redis may take for what is said to it last, in milliseconds. */
const lastWords = 2_000;
/** Longest that a start may take to break off by itself before its connections are dropped. */
const breakOff = 1_000;
/** Longest that children without tasks may take to end, with what kills them then. */
const lastChild = 7_000;

/** Takes down what there is of a worker. What was not made yet is not missed. */
export class Departure {
  readonly #parts: Parts;
  readonly #log: WorkerLog;

  constructor(parts: Parts, log: WorkerLog) {
    this.#parts = parts;
    this.#log = log;
  }

  /**
   * Takes no more tasks, waits for those that run, and ends all that the worker has made.
   *
   * @param start resolves when a start that was told to stop makes nothing any more
   */
  async leave(start: Promise<void>, force: boolean): Promise<void> {
    const parts = this.#parts;
    if (!parts.branches) await this.#breakOff(start);
    parts.autoscaler?.stop();
    parts.limits?.stop();
    parts.broadcasts?.rest();
    await this.#say(() => parts.broadcasts?.leave());
    parts.pools?.leave();
    await this.#try(() => parts.branches?.stop(force));
    await this.#breakOff(start);
    await within(
      lastChild,
      this.#try(() => parts.pools?.stop()),
    );
    await this.#try(() => parts.keeper?.stop());
    await this.#say(() => parts.broadcasts?.end());
    // A name that cannot be given up now lapses by itself.
    parts.presence?.rest();
    await this.#say(() => parts.presence?.release());
    await this.#try(() => parts.desk?.close());
    await this.#try(() => parts.links?.close());
  }

  /** Ends every connection where it stands; what waits for one ends with it. */
  cut(): void {
    const { links, desk, branches } = this.#parts;
    branches?.cut();
    links?.cut();
    desk?.cut();
  }

  /** Has a start end that waits: for Redis, for children, for a hook. */
  async #breakOff(start: Promise<void>): Promise<void> {
    const { branches, links, pools } = this.#parts;
    // Nothing runs in children yet.
    if (!branches) void this.#try(() => pools?.stop(true));
    if (links && !isUp(links.main.connection)) this.cut();
    if (await within(breakOff, start)) return;
    this.cut();
    // A hook of the user's may go on; behind it the start makes nothing any more.
    await within(breakOff, start);
  }

  /** Says something to Redis while that listens. */
  async #say(words: () => Promise<unknown> | undefined): Promise<void> {
    const { links } = this.#parts;
    if (links && isUp(links.main.connection)) await within(lastWords, this.#try(words));
  }

  /** One step that fails keeps no other from being taken. */
  async #try(step: () => Promise<unknown> | undefined): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#log.warn({ err: error }, 'a part of the worker was not ended in order');
    }
  }
}

const isUp = ({ status }: { readonly status: string }): boolean => status === 'ready';
