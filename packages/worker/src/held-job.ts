/** What a worker notes in the hash of a job, while it has that. */
import { markFields, OwnScript } from '@dtask/core/internal';
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { type JobLock, LockLost } from './job-lock.js';
import type { Refusals } from './refusals.js';
import { underLock } from './under-lock.js';

/** KEYS: the lock; the job. ARGV: what is to be in the lock; fields and values in turns. Gives 0 where it is not. */
const setScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], unpack(ARGV, 2))
return 1`;

/** KEYS, ARGV: as above, with one field. Gives how often that was counted. */
const countScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('HINCRBY', KEYS[2], ARGV[2], 1)`;

const set = new OwnScript<number>(2, setScript);
const count = new OwnScript<number>(2, countScript);

/** What is needed of the worker. */
export interface HeldJobPlace {
  readonly connection: Redis;
  readonly refusals: Refusals;
}

const keyOf = ({ queueQualifiedName, id }: Job): string => `${queueQualifiedName}:${id}`;

/** Runs a script that gives 0 where the lock is not held, and takes one anew that has only lapsed. */
function held(place: HeldJobPlace, lock: JobLock, run: () => Promise<number>): Promise<number> {
  return underLock(lock, place.refusals, 'to note something of a task', async () => {
    const done = await run();
    if (done > 0) return done;
    if ((await lock.regain()) !== 'held') throw new LockLost(lock.job.id);
    return run();
  });
}

/**
 * Writes fields of a job.
 *
 * @throws LockLost (rejects) where somebody else has it
 */
export async function setFields(
  place: HeldJobPlace,
  lock: JobLock,
  fields: readonly (string | number)[],
): Promise<void> {
  const { key, token, job } = lock;
  await held(place, lock, () => set.run(place.connection, key, keyOf(job), token, ...fields));
}

/**
 * The data of a job, as they came.
 *
 * @throws LockLost (rejects) where there is no such job any more
 */
export function readData({ connection, refusals }: HeldJobPlace, lock: JobLock): Promise<string> {
  const { job } = lock;
  return underLock(lock, refusals, 'to read a task again', async () => {
    const data = await connection.hget(keyOf(job), 'data');
    if (data === null) throw new LockLost(job.id);
    return data;
  });
}

/**
 * Counts that a job has crashed what it ran in, or may have; gives how often that was.
 *
 * @throws LockLost (rejects) where somebody else has it: it is not to pay for this run
 */
export function countCrash(
  place: HeldJobPlace,
  lock: JobLock,
  kind: 'crashes' | 'sharedCrashes',
): Promise<number> {
  const { key, token, job } = lock;
  const field = markFields[kind];
  return held(place, lock, () => count.run(place.connection, key, keyOf(job), token, field));
}
