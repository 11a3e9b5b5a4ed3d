/**
 * Keeps the locks of running tasks, and the worker's claim on its name, while a task blocks the event loop.
 *
 * BullMQ renews locks by a timer, which user code that computes for long keeps from firing: the
 * lock lapses, and another worker runs the task a second time. With the short locks that a quick
 * recovery needs, that would be after seconds. A thread has a loop of its own: it sees that the
 * main one stands still, and renews. It dies with the process, as it should.
 */
import { Worker as Thread } from 'node:worker_threads';
import type { Shard } from '@dtask/core/internal';

/** What the thread is told. */
export interface KeeperData {
  /** The addresses of the servers. */
  readonly brokers: readonly string[];
  readonly lockDuration: number;
  /** One 64-bit cell: when the main loop last turned, in milliseconds since 1970. */
  readonly pulse: SharedArrayBuffer;
}

/** A queue whose locks are kept. */
export interface KeptQueue {
  /** The key of the list of active jobs. */
  readonly active: string;
  /** What the key of a job begins with. */
  readonly jobPrefix: string;
  /** What the lock tokens of this worker begin with. */
  readonly tokenPrefix: string;
}

/** The queues of one of the servers. */
export interface KeptQueues {
  /** The server's place in `brokers`. */
  readonly at: number;
  readonly queues: readonly KeptQueue[];
}

/** A worker's claim on its name, which lapses as locks do. All of it is on the main server. */
export interface KeptClaim {
  /** The keys of the claim, of the set of workers that live, and of the number of their shards. */
  readonly keys: readonly [claim: string, workers: string, shards: string];
  /** Tells the claim from one of another process. */
  readonly instance: string;
  readonly name: string;
  /** How long it holds, in milliseconds. */
  readonly hold: number;
  /** The keys of those who listen to what is broadcast, where the worker does. */
  readonly listeners: readonly string[];
}

/** What the thread is told of it. */
export interface ClaimAt {
  readonly at: number;
  readonly claim: KeptClaim;
}

/** Keeps the locks of one server. */
export interface QueueKeeper {
  /** Says which locks to keep. */
  watch(queues: readonly KeptQueue[]): void;
}

/** What the keeper is told of its worker. */
export interface KeeperPlace {
  readonly shards: readonly Shard[];
  readonly lockDuration: number;
}

/** The main thread's half. */
export class LockKeeper {
  readonly #shards: readonly Shard[];
  readonly #thread: Thread;
  readonly #timer: NodeJS.Timeout;

  constructor({ shards, lockDuration }: KeeperPlace, onError: (error: unknown) => void) {
    this.#shards = shards;
    const brokers = shards.map(({ address }) => address);
    const pulse = new SharedArrayBuffer(8);
    const cell = new BigInt64Array(pulse);
    const beat = (): void => {
      Atomics.store(cell, 0, process.hrtime.bigint());
    };
    beat();
    this.#timer = setInterval(beat, Math.max(50, lockDuration / 20));
    this.#timer.unref();
    this.#thread = new Thread(new URL('./lock-keeper-thread.js', import.meta.url), {
      workerData: { brokers, lockDuration, pulse } satisfies KeeperData,
      // Loaders of the app's TypeScript have no work there.
      execArgv: [],
    });
    this.#thread.on('error', onError);
    this.#thread.unref();
  }

  /** What keeps the locks of one of its servers. */
  of(shard: Shard): QueueKeeper {
    const at = this.#shards.indexOf(shard);
    return {
      watch: (queues) => this.#thread.postMessage({ at, queues } satisfies KeptQueues),
    };
  }

  /** Says which claim to keep: one who lives is to be counted among those that do. */
  hold(main: Shard, claim: KeptClaim): void {
    this.#thread.postMessage({ at: this.#shards.indexOf(main), claim } satisfies ClaimAt);
  }

  /** Ends the thread. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#thread.terminate();
  }
}
