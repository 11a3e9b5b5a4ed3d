/**
 * What shows that a worker's process is there, though it may do nothing: a subscription, which ends with
 * the connection and so with the process. A killed worker has none at once; one that is frozen, or gets
 * no CPU, has it all the while.
 */
import { randomBytes } from 'node:crypto';
import {
  closeConnection,
  dropConnection,
  hear,
  lifeChannel,
  openConnection,
  type Shard,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';

/** How often a connection is asked for a sign of life: a subscription asks nothing by itself. */
const pulse = 3_000;
/** How long a lock holds whose worker has no connection any more, in milliseconds. */
const orphaned = 5_000;

/** How long locks hold, in milliseconds. */
export interface LockTimes {
  /** Without a word from a worker whose connection stands. */
  readonly lockDuration: number;
  /** Without a word from one that has none any more. */
  readonly orphaned: number;
  /** How often they are renewed. */
  readonly renewal: number;
}

/** @param lockDuration as set, in milliseconds */
export function lockTimes(lockDuration: number): LockTimes {
  const shorter = Math.min(lockDuration, orphaned);
  return { lockDuration, orphaned: shorter, renewal: shorter / 2 };
}

/** A worker's sign on each of its servers. */
export class LifeSign {
  /** By what the locks of the worker name it. */
  readonly holder = randomBytes(9).toString('base64url');
  readonly #worker: string;
  readonly #connections = new Set<Redis>();
  #timer: NodeJS.Timeout | undefined;
  #locks = 0;

  constructor(worker: string) {
    this.#worker = worker;
  }

  /** The first part of the tokens of a queue's locks: whose they are, for how long, and one of a kind. */
  tokenPrefix(lockDuration: number): string {
    this.#locks += 1;
    return `${this.holder}.${lockDuration}.${this.#locks}`;
  }

  /** Gives the sign on a server, by a connection of its own; resolves when the server has confirmed it. */
  give(shard: Shard): Promise<void> {
    const connection = openConnection(shard, `life:${this.#worker}`);
    this.#connections.add(connection);
    this.#timer ??= setInterval(() => this.#ping(), pulse).unref();
    // ioredis would subscribe anew by itself, but would not say when it has.
    connection.options.autoResubscribe = false;
    return new Promise((resolve) => {
      connection.on('end', resolve);
      connection.on('ready', () => {
        // Where the connection breaks again, the next 'ready' tries again.
        hear(connection, [lifeChannel(shard.prefix, this.holder)]).then(
          () => resolve(),
          () => undefined,
        );
      });
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(Array.from(this.#connections, closeConnection));
  }

  /** Ends it at once. */
  cut(): void {
    clearInterval(this.#timer);
    for (const connection of this.#connections) dropConnection(connection);
  }

  #ping(): void {
    // A dead connection is found out by asking: `socketTimeout` then ends it, and it heals.
    for (const connection of this.#connections)
      if (connection.status === 'ready') connection.ping().catch(() => undefined);
  }
}
