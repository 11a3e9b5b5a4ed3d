/** Puts a job that runs back into its queue, ahead of its like. */
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';

/**
 * Gives a job back at once.
 *
 * BullMQ wakes no worker for a job with a priority that comes back so: an idle one would find it only
 * when its wait is over, which takes up to five seconds.
 */
export async function giveBack(job: Job, token: string, connection: Redis): Promise<void> {
  await job.moveToWait(token);
  if (job.priority > 0) await connection.zadd(`${job.queueQualifiedName}:marker`, 0, '0');
}
