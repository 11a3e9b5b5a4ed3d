/** BullMQ's Worker, made to survive what others may have put into its queue. */
import { createRedisBackend, type Job, type JobJson, Worker as Bull } from 'bullmq';
import { longestBlock } from '@dtask/core/internal';

/** The data of a job that was not JSON. */
export class Damaged {
  /** What was stored. */
  readonly text: string;
  readonly reason: string;

  constructor(text: string, reason: string) {
    this.text = text;
    this.reason = reason;
  }
}

/**
 * Plain BullMQ throws when a job's fields are not JSON: the job is never handed out, stalls, and
 * is tried again for ever. This one hands it out with `Damaged` data, for the executor to refuse.
 */
export class BullWorker extends Bull<unknown, unknown, string> {
  protected override createJob(json: JobJson, id: string): Job<unknown, unknown, string> {
    try {
      return super.createJob(json, id);
    } catch (error) {
      const job = super.createJob({ ...json, data: '{}' }, id);
      job.data = new Damaged(json.data, error instanceof Error ? error.message : String(error));
      return job;
    }
  }
}

/** The commands whose reply may hold the next job. */
const fetching: ReadonlySet<string> = new Set(['moveToActive', 'moveToFinished', 'moveToDelayed']);
/** The fields of a job that BullMQ parses as soon as it has the reply. */
const parsed: ReadonlySet<string> = new Set(['opts', 'progress', 'parent']);

/** BullMQ's Redis backend, which checks the jobs that it gets before it parses them. */
export const careful: typeof createRedisBackend = (name, options, extra) => {
  const backend = createRedisBackend(name, options, extra);
  const execute = backend.execCommand.bind(backend);
  backend.execCommand = (...call) => {
    const reply: unknown = execute(...call);
    return fetching.has(call[1]) && reply instanceof Promise ? reply.then(mend) : reply;
  };
  // BullMQ blocks up to 10 s, in which a dead connection would go unnoticed.
  Object.defineProperty(backend, 'maximumBlockTimeout', { value: longestBlock / 1_000 });
  return backend;
};

/** The last options that were good: nearly every job has the same. */
let lastGood = '{}';

/** Puts an empty value in the place of a field that is not JSON. */
function mend(reply: unknown): unknown {
  const fields: unknown = Array.isArray(reply) ? reply[0] : undefined;
  if (!Array.isArray(fields)) return reply;
  for (let at = 0; at < fields.length; at += 2) {
    const value: unknown = fields[at + 1];
    if (!parsed.has(fields[at] as string) || value === lastGood || value === '0') continue;
    if (isJson(value)) {
      if (fields[at] === 'opts') lastGood = value as string;
    } else {
      fields[at + 1] = fields[at] === 'progress' ? '0' : '{}';
    }
  }
  return reply;
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
