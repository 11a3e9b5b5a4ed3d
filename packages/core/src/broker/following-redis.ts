/** An ioredis client of a server that may be another one tomorrow: a node that has a slot, or a primary of sentinels. */
import type { RedisOptions } from 'ioredis';
import { HealingRedis, type Item, type Refusable } from './healing-redis.js';

/**
 * What a server answers that does not have the slot, or is no primary, or not now. A node that was a primary ends blocking
 * reads with UNBLOCKED. Within a script the code stands behind what Redis says of the script, in
 * servers before 7, and in others the script is told in words that the slot is elsewhere.
 */
const refusals =
  /(?:^|: -?)(?:MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY|MASTERDOWN|LOADING|UNBLOCKED) |Script attempted to (?:access a non local key|execute a (?:write )?command while the cluster is down)/;

/** Whether an error says that a command has to be sent again, to the server that is to have it by then. */
export const isRefusal = (error: Error): boolean => refusals.test(error.message);

/** A refusal is one of a row where the last one was less than this ago, in milliseconds. */
const calm = 5_000;

/** What ioredis says of a reply that it has not asked for: the server has ended a subscription. */
const unasked = 'Command queue state error';

/**
 * A client whose connector finds the node. A refused command stays in its place: it is sent again ahead
 * of those behind it, on the next connection. ioredis would put it behind them, and a task would be
 * completed before its result is stored.
 */
export class FollowingRedis extends HealingRedis {
  /** Those of the connection that is given up, in order. */
  #refused: Item[] = [];
  #turning = false;
  /** How many in a row, each on a connection of its own. */
  #row = 0;
  #last: { readonly error: Error; readonly at: number } | undefined;

  /** Whether pushes are those of a cluster. */
  readonly sharded: boolean;

  /** @param pause how long to wait before a try, by its number from 1 */
  constructor(options: RedisOptions, pause: (attempt: number) => number, sharded: boolean) {
    super(options);
    this.#pause = pause;
    this.sharded = sharded;
    // A node that refuses takes connections all the same, so attempts alone would not grow.
    this.options.retryStrategy = (attempt) => pause(Math.max(attempt, this.#row));
    // A subscription was refused: ioredis drops the command and says this instead.
    this.on('moved', () => this.#turn(new Error('MOVED while subscribing')));
    this.on('error', (error: Error) => {
      if (error.message.startsWith(unasked)) this.#turn(error);
    });
  }

  readonly #pause: (attempt: number) => number;

  /** Why commands were refused just now, if they were. */
  get refusal(): Error | undefined {
    const last = this.#last;
    return last && performance.now() - last.at < calm ? last.error : undefined;
  }

  override duplicate(override: Partial<RedisOptions> = {}): FollowingRedis {
    return new FollowingRedis({ ...this.options, ...override }, this.#pause, this.sharded);
  }

  /** While a node is looked for there is nothing to come back to, and ioredis would end the client. */
  override disconnect(reconnect = false): void {
    if (reconnect && this.status === 'connecting') return;
    super.disconnect(reconnect);
  }

  /** ioredis asks this for every command that the server has refused. */
  override handleReconnection(error: Error, item: Item): void {
    if (this.status !== 'ready' || !isRefusal(error)) {
      super.handleReconnection(error, item);
      return;
    }
    (item.command as Partial<Refusable>).refused?.();
    this.#refused.push(item);
    this.#turn(error);
  }

  /** Gives the connection up for one to the server that has it now. */
  #turn(error: Error): void {
    if (this.#turning || this.status !== 'ready') return;
    this.#turning = true;
    this.#row = this.refusal ? this.#row + 1 : 1;
    this.#last = { error, at: performance.now() };
    const { stream } = this;
    // Ahead of ioredis, which keeps what was not answered to send it again.
    stream.prependOnceListener('close', () => {
      this.#turning = false;
      for (const item of this.#refused.reverse()) this.commandQueue.unshift(item);
      this.#refused = [];
    });
    // At once: replies that are on their way are to commands which are then sent again in order.
    stream.destroy();
  }
}
