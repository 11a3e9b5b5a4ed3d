/**
 * Keeps the locks of running tasks while a task blocks the event loop.
 *
 * BullMQ renews locks by a timer, which user code that computes for long keeps from firing: the
 * lock lapses, and another worker runs the task a second time. With the short locks that a quick
 * recovery needs, that would be after seconds. A thread has a loop of its own: it sees that the
 * main one stands still, and renews. It dies with the process, as it should.
 */
import { Worker as Thread } from 'node:worker_threads';

/** What the thread is told. */
export interface KeeperData {
  readonly broker: string;
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

/** The main thread's half. */
export class LockKeeper {
  readonly #thread: Thread;
  readonly #timer: NodeJS.Timeout;

  constructor(data: Omit<KeeperData, 'pulse'>, onError: (error: unknown) => void) {
    const pulse = new SharedArrayBuffer(8);
    const cell = new BigInt64Array(pulse);
    const beat = (): void => {
      Atomics.store(cell, 0, BigInt(Date.now()));
    };
    beat();
    this.#timer = setInterval(beat, Math.max(50, data.lockDuration / 20));
    this.#timer.unref();
    this.#thread = new Thread(new URL('./lock-keeper-thread.js', import.meta.url), {
      workerData: { ...data, pulse } satisfies KeeperData,
      // Loaders of the app's TypeScript have no work there.
      execArgv: [],
    });
    this.#thread.on('error', onError);
    this.#thread.unref();
  }

  /** Says which locks to keep. */
  watch(queues: readonly KeptQueue[]): void {
    this.#thread.postMessage(queues);
  }

  /** Ends the thread. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#thread.terminate();
  }
}
