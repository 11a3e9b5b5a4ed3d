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
  #ready: Promise<void> | undefined;

  /** BullMQ asks this for every job; once is enough. Later outages are the connection's to heal. */
  override waitUntilReady(): Promise<void> {
    return (this.#ready ??= super.waitUntilReady());
  }

  /** Without telemetry there is nothing to wrap, and each wrapping costs a job three promises. */
  override trace<T>(...given: Parameters<Bull['trace']>): Promise<T> {
    const callback = given[3] as () => Promise<T>;
    return callback();
  }

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
/** BullMQ's Redis backend, which checks the jobs that it gets before it parses them. */
export const careful: typeof createRedisBackend = (name, options, extra) => {
  const backend = createRedisBackend(name, options, extra);
  const execute = backend.execCommand.bind(backend);
  const forget = async (key: string): Promise<void> => {
    const client = await backend.client;
    // Where it fails, so does the command behind it, and the job comes back.
    await client.hdel(key, 'parent', 'parentKey').catch(() => undefined);
  };
  backend.execCommand = (...call) => {
    const reply: unknown = execute(...call);
    if (!fetching.has(call[1]) || !(reply instanceof Promise)) return reply;
    return reply.then((fetched) => {
      const orphan = mend(fetched);
      // BullMQ's scripts read the field again when the job ends; on this connection it is gone by then.
      if (orphan !== undefined) void forget(backend.toKey(orphan));
      return fetched as unknown;
    });
  };
  // BullMQ blocks up to 10 s, in which a dead connection would go unnoticed.
  Object.defineProperty(backend, 'maximumBlockTimeout', { value: longestBlock / 1_000 });
  return backend;
};

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
