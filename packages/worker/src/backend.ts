/** BullMQ's Redis backend, which checks the jobs that it gets before they are parsed. */
import type { createRedisBackend, JobJson } from 'bullmq';
import type { Redis } from 'ioredis';
import { clockOf, longestBlock, markFields } from '@dtask/core/internal';
import { bullmq } from './bullmq.js';
import { keepMarks } from './marks.js';
import { ownFields } from './failed-run.js';

export type Backend = ReturnType<typeof createRedisBackend>;

/** The commands whose reply may hold the next job. */
const fetching: ReadonlySet<string> = new Set(['moveToActive', 'moveToFinished', 'moveToDelayed']);

/** Where BullMQ's commands have this machine's time, among their keys and arguments. */
const timeAt: Readonly<Record<string, number>> = {
  moveToActive: 12,
  moveToFinished: 15,
  moveToDelayed: 12,
  retryJob: 12,
  moveStalledJobsToWait: 11,
};

/** By the server's clock BullMQ's scripts tell which delayed jobs are due, and when others will be. */
export const careful: typeof createRedisBackend = (name, options, extra) => {
  const connection = options.connection as Redis;
  const clock = clockOf(connection);
  const backend = bullmq.createRedisBackend(name, options, extra);
  const onTime = <T>(command: string, args: T): T => {
    const at = timeAt[command];
    if (at !== undefined && Array.isArray(args) && typeof args[at] === 'number')
      args[at] = clock.now();
    return args;
  };
  const execute = backend.execCommand.bind(backend);
  backend.execCommand = (client, command, args) => {
    const reply: unknown = execute(client, command, onTime(command, args));
    if (!fetching.has(command) || !(reply instanceof Promise)) return reply;
    return reply.then((fetched) => {
      repair(backend, fetched);
      return fetched as unknown;
    });
  };
  const stalledArgs = backend['moveStalledJobsToWaitArgs'].bind(backend);
  backend['moveStalledJobsToWaitArgs'] = () => onTime('moveStalledJobsToWait', stalledArgs());
  // Of a delayed job it gives when that is due, which BullMQ's Worker compares with this machine's time.
  const wait = backend.waitForJob.bind(backend);
  backend.waitForJob = async (span) => {
    const found = await wait(span);
    return found && { ...found, score: toLocal(connection, found.score) };
  };
  const moveToFailed = backend.moveToFailed.bind(backend);
  backend.moveToFailed = (job, reason, keep, token, fetchNext, fields) =>
    moveToFailed(job, reason, keep, token, fetchNext, { ...fields, ...ownFields(job) });
  // BullMQ blocks up to 10 s, in which a dead connection would go unnoticed.
  Object.defineProperty(backend, 'maximumBlockTimeout', { value: longestBlock / 1_000 });
  return backend;
};

/** A time of the server's by this machine's clock; 0 is none. */
export const toLocal = (connection: Redis, time: number): number =>
  time > 0 ? time - clockOf(connection).now() + Date.now() : time;

/** Makes the job in a reply one that can be parsed. */
export function repair(backend: Backend, reply: unknown): void {
  const orphan = mend(reply);
  // BullMQ's scripts read the field again when the job ends; on this connection it is gone by then.
  if (orphan !== undefined) void forgetParent(backend, backend.toKey(orphan));
}

async function forgetParent(backend: Backend, key: string): Promise<void> {
  const client = await backend.client;
  // Where it fails, so does the command behind it, and the job comes back.
  await client.hdel(key, 'parent', 'parentKey').catch(() => undefined);
}

/** Parses the job in a reply, whatever it holds, as BullMQ does in `moveToFinished`. */
export async function parseFetched(backend: Backend, reply: unknown): Promise<JobJson> {
  const answered = { execCommand: { value: () => Promise.resolve(reply) } };
  const parser = Object.create(backend, answered) as Backend;
  const [json] = (await parser.moveToFinished('', [])) as [JobJson];
  return json;
}

/** The last options that were good: nearly every job has the same. */
let lastGood = '{}';

/**
 * Puts an empty value in the place of a field that BullMQ parses at once and that is not JSON. Gives
 * the id of a job whose parent was damaged: dtask's jobs have none.
 */
function mend(reply: unknown): string | undefined {
  const [fields, id] = (Array.isArray(reply) ? reply : []) as [unknown, string];
  let orphan: string | undefined;
  if (!Array.isArray(fields)) return orphan;
  for (let at = 0; at < fields.length; at += 2) {
    const value: unknown = fields[at + 1];
    switch (fields[at]) {
      case 'opts':
        if (value !== lastGood && !isJson(value)) fields[at + 1] = '{}';
        else lastGood = value as string;
        break;
      case 'progress':
        if (value !== '0' && !isJson(value)) fields[at + 1] = '0';
        break;
      case 'parent':
        if (isJson(value)) break;
        fields[at + 1] = '{}';
        orphan = id;
        break;
      case markFields.revoked:
      case markFields.revokedCalls:
      case markFields.ended:
      case markFields.crashes:
      case markFields.sharedCrashes:
      case markFields.admitted:
      case markFields.entered:
        keepMarks(fields, id);
        break;
    }
  }
  return orphan;
}

function isJson(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    const json: unknown = JSON.parse(value);
    return json !== null;
  } catch {
    // That it is not JSON is the answer.
    return false;
  }
}
