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
  /** BullMQ's view of the connection. */
  readonly client: Awaited<Backend['client']>;
  /** What is made ahead for the calls of a task, by its name; nothing while it is made. */
  readonly additions: Map<string, Addition | undefined>;
  /** Keeps the queue among those that there are. */
  readonly entry: QueueEntry;
}

/** The options of most jobs. */
export const plain = {};

/** The job of a call. */
export function jobOf({ message, delay, priority, unique }: Call, text: string): JobJson {
  const job = { name: message.name, data: text, opts: plain, timestamp: Date.now() } as JobJson;
  if (delay > 0 || priority > 0) job.opts = { delay, priority };
  if (unique) {
    job.opts = { delay, priority, deduplication: { ...unique } };
    job.deduplicationId = unique.id;
  }
  return job;
}

/** Stores a job; gives the id of the job that is there, which of a second call is the first one's. */
export const addJob = ({ backend, client }: JobSink, job: JobJson, id: string): Promise<unknown> =>
  backend.addJobToTransaction(client, job, id);

/** BullMQ is loaded here: half of the time that it takes to load dtask would be spent on it. */
export async function openSink(connection: Redis, prefix: string, queue: string): Promise<JobSink> {
  const entry = new QueueEntry(() => enterQueue(connection, prefix, queue));
  const bullmq = await import('bullmq');
  const options: QueueOptions = { connection, prefix, skipVersionCheck: true };
  const backend = bullmq.createRedisBackend(bullQueueName(queue), options);
  // The connection's own listener keeps what went wrong; without one here it would be thrown.
  backend.on('error', () => undefined);
  return { backend, client: await backend.client, additions: new Map(), entry };
}
