/** Which commands Redis runs, counted by MONITOR: those of clients apart from those of scripts. */
// @ts-check
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';

/** @typedef {{ requests: Map<string, number>, inner: number }} Counted `requests` by name, and commands run by scripts */

/** Listens to everything that a server runs. */
export class CommandLog {
  /** @type {Counted} */
  #counted = { requests: new Map(), inner: 0 };
  #names;
  #monitor;

  /**
   * @param {Redis} monitor
   * @param {Map<string, string>} names of scripts, by their SHA1
   */
  constructor(monitor, names) {
    this.#monitor = monitor;
    this.#names = names;
    monitor.on('monitor', (_time, /** @type {string[]} */ args, /** @type {string} */ source) =>
      this.#count(args, source),
    );
  }

  /** @param {string} url */
  static async open(url) {
    const names = await scriptNames(url);
    const client = new Redis(url);
    return new CommandLog(await client.monitor(), names).#with(client);
  }

  /**
   * Counts what is run from now until `work` has ended.
   *
   * @param {() => Promise<unknown>} work
   * @param {Redis} redis
   * @returns {Promise<Counted>}
   */
  async during(work, redis) {
    await this.#caughtUp(redis);
    this.#counted = { requests: new Map(), inner: 0 };
    await work();
    await this.#caughtUp(redis);
    const counted = this.#counted;
    this.#counted = { requests: new Map(), inner: 0 };
    return counted;
  }

  close() {
    this.#monitor.disconnect();
    this.#client?.disconnect();
  }

  /** @type {Redis | undefined} */
  #client;

  /** @param {Redis} client */
  #with(client) {
    this.#client = client;
    return this;
  }

  /** MONITOR lags behind; it is level with us when it has seen what we just said. */
  async #caughtUp(/** @type {Redis} */ redis) {
    const mark = `mark-${Math.random()}`;
    const seen = new Promise((resolve) => {
      const look = (/** @type {unknown} */ _time, /** @type {string[]} */ args) => {
        if (args[1] !== mark) return;
        this.#monitor.off('monitor', look);
        resolve(undefined);
      };
      this.#monitor.on('monitor', look);
    });
    await redis.echo(mark);
    await seen;
  }

  /**
   * @param {string[]} args
   * @param {string} source
   */
  #count(args, source) {
    if (source === 'lua') {
      this.#counted.inner += 1;
      return;
    }
    const command = (args[0] ?? '').toLowerCase();
    if (command === 'echo') return;
    const script =
      command === 'evalsha' ? (this.#names.get(args[1] ?? '') ?? 'another script') : undefined;
    const name = script === undefined ? command.toUpperCase() : `EVALSHA ${script}`;
    this.#counted.requests.set(name, (this.#counted.requests.get(name) ?? 0) + 1);
  }
}

/**
 * The names that BullMQ and dtask give their scripts.
 *
 * @param {string} url
 * @returns {Promise<Map<string, string>>}
 */
async function scriptNames(url) {
  const client = new Redis(url, { maxRetriesPerRequest: null });
  const queue = new Queue('names', { connection: client, skipMetasUpdate: true });
  await queue.waitUntilReady();
  const { scriptsSet } = /** @type {{ scriptsSet: Record<string, { sha: string }> }} */ (
    /** @type {unknown} */ (client)
  );
  const names = new Map(
    Object.entries(scriptsSet).map(([name, { sha }]) => [sha, name.split(':')[0] ?? name]),
  );
  await queue.close();
  client.disconnect();
  return names;
}
