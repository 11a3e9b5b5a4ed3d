/** What the job of a task says of it, where no record does. */
import { TaskFailedError } from '../errors.js';
import { type Outcome, parseOutcome, type TaskState } from '../protocol/outcome.js';
import { failureFrom } from './failure.js';

/** A task, as its job shows it. */
export interface JobState {
  readonly queue: string;
  readonly state: TaskState;
  readonly name: string | undefined;
  /** How many times it was retried. */
  readonly retries: number;
  /** Why its last run failed, in BullMQ's record. */
  readonly reason: string | undefined;
  /** The stacks of its runs as JSON, the latest last. */
  readonly stacks: string | undefined;
  /** The record of its end, which a job that has failed keeps. */
  readonly record: string | undefined;
}

/** The fields of a job that tell of its state, in the order in which `jobStateOf` takes them. */
export const jobFields = [
  'name',
  'atm',
  'timestamp',
  'finishedOn',
  'failedReason',
  'stacktrace',
  'err',
] as const;

/** Reads them; gives nothing where there is no such job. */
export function jobStateOf(
  values: readonly (string | null)[],
  queue: string,
  locked: boolean,
): JobState | undefined {
  const [name, attempts, timestamp, finished, reason, stacks, record] = values.map(
    (value) => value ?? undefined,
  );
  if (timestamp === undefined) return undefined;
  const retries = Number(attempts ?? 0);
  const state = stateOf(locked, retries, finished !== undefined);
  return { queue, state, name, retries, reason, stacks, record };
}

/** A job that is kept after its end has failed: others are removed. */
function stateOf(locked: boolean, retries: number, finished: boolean): TaskState {
  if (locked) return 'STARTED';
  if (finished) return 'FAILURE';
  return retries > 0 ? 'RETRY' : 'PENDING';
}

/** The outcome of a task that has failed, of which only its job is left. */
export function failureOfJob(id: string, job: JobState): Outcome {
  if (job.record !== undefined) {
    try {
      return parseOutcome(job.record);
    } catch {
      // What BullMQ says is left.
    }
  }
  const { name: task, reason = 'its result has expired' } = job;
  const error = errorOfJob({ ...job, reason });
  return { id, state: 'FAILURE', at: Date.now(), error, ...(task !== undefined && { task }) };
}

/** The error that a task waits for its next run with. */
export function retryErrorOf(
  id: string,
  job: JobState,
  dueAt: number | undefined,
): TaskFailedError {
  return new TaskFailedError(id, job.name, errorOfJob(job), {
    retries: job.retries,
    ...(dueAt !== undefined && { retryAt: new Date(dueAt) }),
  });
}

function errorOfJob({ reason = '', stacks }: Pick<JobState, 'reason' | 'stacks'>): Error {
  const { name, message, stack } = failureFrom(reason, lastOf(stacks));
  const error = new Error(message);
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
  if (stack !== undefined) error.stack = stack;
  return error;
}

function lastOf(stacks: string | undefined): string | undefined {
  try {
    const all: unknown = JSON.parse(stacks ?? '[]');
    const last: unknown = Array.isArray(all) ? all.at(-1) : undefined;
    return typeof last === 'string' ? last : undefined;
  } catch {
    return undefined;
  }
}
