/** The servers of an App: one for what all share, and those over which its tasks are spread. */
import type { Redis } from 'ioredis';
import { checkApart, isSameServer } from '../config/shard-places.js';
import type { AppConfig } from '../config/resolve.js';
import { isOwnQueue, shownQueue } from '../protocol/keys.js';
import type { Call } from '../protocol/message.js';
import { shardOf } from '../protocol/shard.js';
import type { TlsConfig } from '../config/tls.js';
import { parseAddress, type Server } from './address.js';
import type { Ask, Place } from './ask.js';
import { Broker } from './broker.js';
import type { FanOut } from './fan-out.js';
import { Packer } from './packer.js';
import { ShardCheck } from './shard-check.js';
import { placesOf } from './places.js';
import type { Moment, ServerClock } from './server-clock.js';

/** A server, or a part of one, where tasks live: jobs, results, groups. */
export class Shard implements Place, Server {
  /** Its number, from 0; -1 for a main server that is none of the shards. */
  readonly index: number;
  /** The server's URL. */
  readonly address: string;
  /** First part of every key there. */
  readonly prefix: string;
  readonly broker: Broker;
  readonly tls: TlsConfig | undefined;
  readonly sentinelTls: TlsConfig | undefined;

  constructor(
    index: number,
    config: AppConfig,
    mayRunTwice: (task: string) => boolean,
    fanOut?: FanOut,
  ) {
    this.index = index;
    this.address = config.broker;
    this.tls = config.tls;
    this.sentinelTls = config.sentinelTls;
    this.prefix = config.prefix;
    this.broker = new Broker(config, mayRunTwice, fanOut);
  }

  /** The cluster's slot that it is, where it is one. */
  get slot(): number | undefined {
    return parseAddress(this.address).via?.slot;
  }

  readonly ask: Ask = (what, commands) => this.broker.ask(what, commands);

  /** The server's clock. */
  get clock(): ServerClock {
    return this.broker.clock;
  }
}

/**
 * A task lives on one shard, which the hash of its id says, and with it all that has to keep an order
 * with it: its job, its record, the pushes of both. Workers' names, control, events, limits, beat and
 * what is broadcast are on the main server. Without shards the main server is the only one.
 */
export class Shards {
  /** Where that is which is not of one task. */
  readonly main: Shard;
  /** Where tasks are. */
  readonly all: readonly Shard[];
  /** Every server that may have messages: the shards, and a main server that is none of them. */
  readonly places: readonly Shard[];
  /** Gathers the calls of tasks that allow it; a pack is where its calls are. */
  readonly packer = new Packer((call, onStored) =>
    this.#checked(() => this.of(call.message.id).broker.store(call, onStored)),
  );
  readonly #fanOut: FanOut | undefined;
  readonly #check: ShardCheck;

  /**
   * @param mayRunTwice whether a task is known here as one that may run more than once
   * @throws ConfigError when the broker and a shard are databases of one server
   */
  constructor(config: AppConfig, mayRunTwice: (task: string) => boolean, fanOut?: FanOut) {
    const { shards, broker, prefix } = config;
    this.#fanOut = fanOut;
    const places = placesOf(config);
    checkApart(broker, shards);
    const configs = places.shards.map((place) => ({ ...config, ...place }));
    const own = configs.findIndex(
      (one) => one.prefix === prefix && isSameServer(one.broker, broker),
    );
    const spread = configs.map(
      (one, index) => new Shard(index, one, mayRunTwice, index === own ? fanOut : undefined),
    );
    const main = { ...config, ...places.main };
    this.main = spread[own] ?? new Shard(spread.length === 0 ? 0 : -1, main, mayRunTwice, fanOut);
    this.all = spread.length === 0 ? [this.main] : spread;
    this.places = this.all.includes(this.main) ? this.all : [...this.all, this.main];
    this.#check = new ShardCheck(this.count);
  }

  /** When a call is made: by the server's clock, where all go to the same one and that is known. */
  get moment(): Moment {
    const { clock } = this.main;
    const isSure = this.places.length === 1 && clock.isKnown;
    return { now: clock.now(), unsure: isSure ? undefined : performance.now() };
  }

  /** Where that is which belongs to a task, a group or a map. */
  of(id: string): Shard {
    const { all } = this;
    return all[shardOf(id, all.length)] ?? this.main;
  }

  /** Where a message is: what is broadcast to one worker has a queue of its own. */
  at(queue: string, id: string): Shard {
    return isOwnQueue(queue) ? this.main : this.of(id);
  }

  /** Every place that a queue has messages on. */
  having(queue: string): readonly Shard[] {
    return isOwnQueue(queue) ? [this.main] : this.all;
  }

  /** Where the messages of queues are: what is broadcast, in the queues that workers have of their own. */
  async sources(queues: readonly string[]): Promise<readonly string[]> {
    const own = await this.#ofEach(queues, (fanOut, connection, queue) =>
      fanOut.owned(connection, queue),
    );
    return own.length === 0 ? queues : [...queues, ...own];
  }

  /** Those of queues that are a worker's own which is gone: nobody takes from them any more. */
  async orphans(queues: readonly string[]): Promise<ReadonlySet<string>> {
    const own = queues.filter((queue) => isOwnQueue(queue) && this.#fanOut?.has(shownQueue(queue)));
    const live = await this.#ofEach(own.map(shownQueue), (fanOut, connection, queue) =>
      fanOut.live(connection, queue),
    );
    return new Set(own.filter((queue) => !live.includes(queue)));
  }

  /** What is said of the broadcast ones among queues; without such a one nothing is asked. */
  async #ofEach(
    queues: readonly string[],
    read: (fanOut: FanOut, connection: Redis, queue: string) => Promise<string[]>,
  ): Promise<string[]> {
    const fanOut = this.#fanOut;
    const broadcast = [...new Set(queues)].filter((queue) => fanOut?.has(queue));
    if (!fanOut || broadcast.length === 0) return [];
    const found = await this.main.ask('who hears what is broadcast was not read', (connection) =>
      Promise.all(broadcast.map((queue) => read(fanOut, connection, queue))),
    );
    return found.flat();
  }

  /** Every place that may have messages of these ids. */
  around(ids: readonly string[]): readonly Shard[] {
    if (this.places.length === 1) return this.places;
    return [...new Set([...ids.map((id) => this.of(id)), this.main])];
  }

  /** How many shards there are, as workers and callers compare it: 0 where one server has all. */
  get count(): number {
    return this.places.length === 1 ? 0 : this.all.length;
  }

  /**
   * Stores a call's message, as `Broker.send` does.
   *
   * @throws (rejects) ConfigError when the workers that live have another number of shards
   */
  send(call: Call, onStored: () => void): Promise<unknown> {
    const shard = this.#fanOut?.has(call.queue) ? this.main : this.of(call.message.id);
    // One that joins a pack has to do so at once; the pack waits.
    if (call.join) return shard.broker.send(call, onStored);
    return this.#checked(() => shard.broker.send(call, onStored));
  }

  #checked(send: () => Promise<unknown>): Promise<unknown> {
    return this.#check.before(this.main)?.then(send) ?? send();
  }

  get closed(): boolean {
    return this.main.broker.closed;
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    this.packer.flush();
    await this.#check.close();
    await Promise.all(this.places.map(({ broker }) => broker.close()));
  }
}
