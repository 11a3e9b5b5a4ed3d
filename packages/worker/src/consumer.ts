/** Takes the jobs of one queue and hands them to the executor. */
import { bullQueueName, type WorkerConfig } from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import { BullWorker } from './bull-worker.js';
import type { Executor } from './executor.js';
import { type LifeSign, lockTimes } from './life-sign.js';
import type { WorkerLog } from './log.js';
import type { TaskCounts } from './monitor/task-counts.js';
import type { Refusals } from './refusals.js';
import type { Slots } from './slots.js';

/** What a consumer needs of its worker. */
export interface ConsumerPlace {
  readonly connection: Redis;
  readonly prefix: string;
  readonly executor: Executor;
  readonly log: WorkerLog;
  readonly slots: Slots;
  readonly config: WorkerConfig;
  readonly refusals: Refusals;
  readonly counts: TaskCounts;
  readonly sign: LifeSign;
}

/** How long the same trouble is not said again, in milliseconds. */
const longestSilence = 60_000;

/** One queue's BullMQ worker. */
export class Consumer {
  readonly queue: string;
  readonly #bull: BullWorker;
  /** What was said last, and when. */
  #trouble = { message: '', at: 0 };

  /** @param shown the queue that tasks are said to come from; of a broadcast, that of the callers */
  constructor(queue: string, place: ConsumerPlace, shown = queue) {
    const { connection, prefix, executor, slots, config, refusals, sign } = place;
    const { lockDuration, stalledInterval, keepFailed, keepFailedFor } = config;
    this.queue = queue;
    this.#bull = new BullWorker(
      bullQueueName(queue),
      {
        connection,
        writer: executor.writer,
        slots,
        refusals,
        onLost: (job) => {
          const { id, name: task } = job;
          // Where it waits for a child, it does not begin any more.
          for (const current of executor.current)
            if (current.job === job) current.performance?.giveUp?.();
          place.counts.lost(task);
          place.log.warn(
            { queue, task, id },
            'the lock of a task was lost, and another worker has or had the task: what this run gives is dropped',
          );
        },
        sign,
        keepTexts: config.pool !== 'inline',
        execute: (job, lock) => executor.execute(job, lock, queue, shown),
      },
      {
        prefix,
        lockDuration,
        lockRenewTime: lockTimes(lockDuration).renewal,
        stalledInterval,
        autorun: false,
        // How often a crash may repeat a task is the executor's to say, not BullMQ's.
        maxStalledCount: Number.MAX_SAFE_INTEGER,
        runRetryDelay: 1_000,
        removeOnComplete: { count: 0 },
        removeOnFail: {
          count: keepFailed,
          ...(keepFailedFor > 0 && { age: keepFailedFor / 1_000 }),
        },
      },
    );
    this.#bull.on('error', (error) => {
      if (this.#isNews(error)) place.log.warn({ queue, err: error }, 'trouble with the queue');
    });
    this.#bull.on('stalled', (id) =>
      place.log.warn({ queue, id }, 'the worker of a task died; the task runs again'),
    );
  }

  /** What goes on is said once in a while, and not each time that something is tried again. */
  #isNews({ message }: Error): boolean {
    const now = performance.now();
    if (message === this.#trouble.message && now - this.#trouble.at < longestSilence) return false;
    this.#trouble = { message, at: now };
    return true;
  }

  /** The first part of the lock tokens of the jobs that this consumer has. */
  get tokenPrefix(): string {
    return this.#bull.id;
  }

  /** How many jobs it has: those that run, and those whose end is not written yet. */
  get busy(): number {
    return this.#bull.busy;
  }

  /** Ends the connection that it waits for jobs on, at once. */
  cut(): void {
    this.#bull.cut();
  }

  /** Starts to take jobs; resolves when the connections are up. */
  async start(onError: (error: unknown) => void): Promise<void> {
    await this.#bull.waitUntilReady();
    this.#bull.run().catch(onError);
  }

  /** Takes no more jobs; resolves when those that run have ended. */
  async stop(): Promise<void> {
    await this.#bull.close();
  }
}
