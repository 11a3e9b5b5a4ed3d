/**
 * Keeps the locks of running tasks, and the worker's claim on its name, while a task blocks the event loop.
 *
 * BullMQ renews locks by a timer, which user code that computes for long keeps from firing: the
 * lock lapses, and another worker runs the task a second time. With the short locks that a quick
 * recovery needs, that would be after seconds. A thread has a loop of its own: it sees that the
 * main one stands still, and renews. It dies with the process, as it should.
 */
import { Worker as Thread } from 'node:worker_threads';
import type { Server, Shard } from '@dtask/core/internal';

/** What the thread is told. */
export interface KeeperData {
  /** The servers. */
  readonly brokers: readonly Server[];
  readonly lockDuration: number;
  /** How often locks are renewed, in milliseconds. */
  readonly renewal: number;
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
  readonly renewal: number;
}

/** A thread has begun within this time, in milliseconds, also where the machine is busy. */
const longestStart = 5_000;
/** Waits before a thread that ended, or could not be started, is started again, in milliseconds. */
const firstWait = 500;
const longestWait = 30_000;

/** The main thread's half. */
export class LockKeeper {
  /** Resolves when tasks may begin that block the loop. */
  readonly up: Promise<void>;
  readonly #shards: readonly Shard[];
  readonly #data: KeeperData;
  readonly #onError: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  /** What a thread is told when it begins: the queues of each server, and the claim. */
  readonly #told = new Map<number | 'claim', KeptQueues | ClaimAt>();
  #thread: Thread | undefined;
  #again: NodeJS.Timeout | undefined;
  #failures = 0;
  #stopped = false;
  #onUp: () => void = () => undefined;

  /** @param onError hears why a thread ended, or could not be started; another is on its way */
  constructor({ shards, lockDuration, renewal }: KeeperPlace, onError: (error: unknown) => void) {
    this.#shards = shards;
    this.#onError = onError;
    this.up = new Promise((resolve) => {
      this.#onUp = resolve;
    });
    // Longer locks hold until it has begun.
    if (lockDuration > longestStart) this.#onUp();
    else setTimeout(this.#onUp, longestStart).unref();
    const pulse = new SharedArrayBuffer(8);
    const cell = new BigInt64Array(pulse);
    const beat = (): void => {
      Atomics.store(cell, 0, process.hrtime.bigint());
    };
    beat();
    this.#timer = setInterval(beat, Math.max(50, renewal / 10));
    this.#timer.unref();
    const brokers = shards.map(({ address, tls, sentinelTls }) => ({ address, tls, sentinelTls }));
    this.#data = { brokers, lockDuration, renewal, pulse };
    this.#begin();
  }

  #begin(): void {
    let thread: Thread;
    try {
      thread = new Thread(new URL('./lock-keeper-thread.js', import.meta.url), {
        workerData: this.#data,
        // Loaders of the app's TypeScript have no work there.
        execArgv: [],
      });
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#thread = thread;
    thread.unref();
    for (const told of this.#told.values()) thread.postMessage(told);
    // All that it ever says: it has a connection.
    thread.once('message', () => {
      this.#failures = 0;
      this.#onUp();
    });
    let reason: unknown = new Error('the thread that keeps locks has ended');
    thread.once('error', (error) => {
      reason = error;
    });
    thread.once('exit', () => this.#fail(reason));
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#onUp();
    this.#onError(error);
    this.#again = setTimeout(
      () => this.#begin(),
      Math.min(longestWait, firstWait * 2 ** this.#failures),
    ).unref();
    this.#failures += 1;
  }

  #tell(key: number | 'claim', message: KeptQueues | ClaimAt): void {
    this.#told.set(key, message);
    this.#thread?.postMessage(message);
  }

  /** What keeps the locks of one of its servers. */
  of(shard: Shard): QueueKeeper {
    const at = this.#shards.indexOf(shard);
    return { watch: (queues) => this.#tell(at, { at, queues }) };
  }

  /** Says which claim to keep: one who lives is to be counted among those that do. */
  hold(main: Shard, claim: KeptClaim): void {
    this.#tell('claim', { at: this.#shards.indexOf(main), claim });
  }

  /** Ends the thread. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#again);
    await this.#thread?.terminate();
  }
}
