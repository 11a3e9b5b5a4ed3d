/** Where the jobs of one queue are stored. */
import type { createRedisBackend, JobJson, QueueOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Call } from '../protocol/message.js';
import { bullQueueName } from '../protocol/keys.js';
import type { Addition } from './addition.js';
import { enterQueue, QueueEntry } from './enter-queue.js';

/** The part of BullMQ's backend that stores jobs: below `Queue.add`, which does more than is needed. */
type Backend = ReturnType<typeof createRedisBackend>;

/** Stores jobs in one queue. */
export interface JobSink {
  readonly backend: Backend;
  /** What is made ahead for the calls of a task, by its name; nothing where that cannot be. */
  readonly additions: Map<string, Addition | undefined>;
  /** Keeps the queue among those that there are. */
  readonly entry: QueueEntry;
}

/** The options of most jobs. */
export const plain = {};

/**
 * The job of a call.
 *
 * @param now the server's time: a job waits from then until the call is due
 */
export function jobOf(
  { message, delay, priority, unique }: Call,
  text: string,
  now: number,
): JobJson {
  const { eta } = message;
  const isDue = eta !== undefined && eta <= now;
  // As of when it was made, where it waits: BullMQ adds both up, and that is the point in time it was given.
  const timestamp = eta === undefined || isDue ? now : eta - (delay > 0 ? delay : eta - now);
  const wait = eta === undefined ? delay : isDue ? 0 : eta - timestamp;
  const job = { name: message.name, data: text, opts: plain, timestamp } as JobJson;
  if (wait > 0 || priority > 0) job.opts = { delay: wait, priority };
  if (unique) {
    job.opts = { delay: wait, priority, deduplication: { ...unique } };
    job.deduplicationId = unique.id;
  }
  return job;
}

/** BullMQ is loaded here: half of the time that it takes to load dtask would be spent on it. */
export async function openSink(connection: Redis, prefix: string, queue: string): Promise<JobSink> {
  const entry = new QueueEntry(() => enterQueue(connection, prefix, queue));
  const bullmq = await import('bullmq');
  const options: QueueOptions = { connection, prefix, skipVersionCheck: true };
  const backend = bullmq.createRedisBackend(bullQueueName(queue), options);
  // The connection's own listener keeps what went wrong; without one here it would be thrown.
  backend.on('error', () => undefined);
  // Its scripts are known to the connection behind that.
  await backend.client;
  return { backend, additions: new Map(), entry };
}
