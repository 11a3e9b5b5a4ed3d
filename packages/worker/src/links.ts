/** The connections of a worker: one to each server that it takes tasks from, and one to the main one. */
import { type App, ConfigError } from '@dtask/core';
import {
  closeConnection,
  dropConnection,
  openConnection,
  redactAddress,
  type Shard,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import { LifeSign } from './life-sign.js';

/** A server, as a worker has it. */
export interface Link {
  readonly shard: Shard;
  /** First part of every key there. */
  readonly prefix: string;
  readonly connection: Redis;
}

/** How often it is looked whether a server's time was last heard long ago, in milliseconds. */
const comparison = 5_000;

/** Opened when it is made; closed as a whole. */
export class Links {
  /** To where names, control, events and limits are. */
  readonly main: Link;
  /** Those to the shards that the worker takes tasks from. */
  readonly served: readonly Link[];
  /** That the worker lives, as its servers see it. */
  readonly sign: LifeSign;
  readonly #app: App;
  readonly #role: string;
  readonly #links = new Map<Shard, Link>();
  /** The servers' clocks are compared with this machine's now and then. */
  readonly #timer = setInterval(() => this.#compareClocks(), comparison).unref();

  /**
   * @param only numbers of shards, and ranges of them; none is all
   * @throws ConfigError when there is no such shard
   */
  constructor(app: App, worker: string, only: readonly string[]) {
    const { shards } = app.queues;
    this.#app = app;
    this.#role = `worker:${worker}`;
    this.sign = new LifeSign(worker);
    const chosen = chosenOf(only, shards.all.length);
    this.main = this.#to(shards.main);
    this.served = shards.all.filter(({ index }) => chosen.has(index)).map((one) => this.#to(one));
  }

  /** That to where a message is. To another's shard it is opened when it is first asked for. */
  at(queue: string, id: string): Link {
    return this.#to(this.#app.queues.shards.at(queue, id));
  }

  /** Whether there is more than one server. */
  get several(): boolean {
    return this.#app.queues.shards.places.length > 1;
  }

  #to(shard: Shard): Link {
    let link = this.#links.get(shard);
    if (!link) {
      const { prefix } = shard;
      link = { shard, prefix, connection: openConnection(shard, this.#role) };
      this.#links.set(shard, link);
    }
    return link;
  }

  /** Ends all at once: what waits for an answer is rejected. */
  cut(): void {
    for (const { connection } of this.#links.values()) dropConnection(connection);
    this.sign.cut();
  }

  #compareClocks(): void {
    for (const { connection, shard } of this.#links.values())
      if (connection.status === 'ready' && shard.clock.isStale) shard.clock.ask(connection);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    const all = [...this.#links.values()].map(({ connection }) => connection);
    await Promise.all([...all.map(closeConnection), this.sign.close()]);
  }
}

/** How a shard is named to people. */
export const nameOf = ({ index, address, prefix }: Shard): string =>
  index < 0 ? 'the main server' : `shard ${index} (${redactAddress(address)}, ${prefix})`;

/**
 * The numbers that a worker's setting names.
 *
 * @throws ConfigError when one of them is beyond the last
 */
export function chosenOf(only: readonly string[], count: number): ReadonlySet<number> {
  const ranges = only.length === 0 ? [`0-${count - 1}`] : only;
  const chosen = new Set<number>();
  for (const range of ranges) {
    const [first = 0, last = first] = range.split('-').map(Number);
    if (first > last || last >= count) {
      throw new ConfigError(
        `onlyShards must name some of the app's ${count} shards, by numbers from 0 to ${count - 1} and ranges such as 0-1, got ${range}`,
      );
    }
    for (let index = first; index <= last; index += 1) chosen.add(index);
  }
  return chosen;
}
