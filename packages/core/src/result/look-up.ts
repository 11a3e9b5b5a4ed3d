/** What Redis knows of a task now. */
import type { HandleMaker } from '../codec/index.js';
import {
  type Before,
  isFinal,
  isOutstanding,
  type Outcome,
  parseOutcome,
} from '../protocol/outcome.js';
import { failureOfJob, type JobState, retryErrorOf } from './job-state.js';
import type { ResultLedger } from './ledger.js';

/** What is known of a task. */
export interface Known {
  /** Absent where nothing is. */
  readonly outcome: Outcome | undefined;
  /** The queue that has its message, or will. */
  readonly queue?: string;
}

/** Whom to ask. */
export interface Informant {
  readonly ledger: ResultLedger;
  /** Makes the handles on tasks that values hold. */
  readonly handles: HandleMaker;
  /** Whether what has to end before a task is there. */
  readonly holds: (before: Before | undefined) => Promise<boolean>;
}

/** What this process knows of a task that it has sent. */
export interface SentTo {
  readonly queue: string | undefined;
  /** Of a step of a canvas, where middleware may send it elsewhere. */
  readonly dispatch?: object | undefined;
}

/** Looks a task up. A record of its end is the last word; else its job has it. */
export async function lookUp(
  id: string,
  { ledger, holds, handles }: Informant,
  sent?: SentTo,
): Promise<Known> {
  const read = async (): Promise<Outcome | undefined> => {
    const text = await ledger.read(id);
    return text === null ? undefined : parseOutcome(text, handles);
  };
  const stored = await read();
  if (stored && isFinal(stored.state)) return { outcome: stored };
  const queue = sent?.dispatch ? undefined : sent?.queue;
  const found = await ofJob(id, ledger, queue, stored);
  if (found) return found;
  // It may have ended between the two reads.
  const again = await read();
  if (!again || isFinal(again.state)) return { outcome: again };
  if (!isOutstanding(again)) return { outcome: undefined };
  if (await holds(again.before))
    return { outcome: again, ...(again.queue !== undefined && { queue: again.queue }) };
  // What came before it has ended, so by now it was sent, or never will be.
  const late = await ofJob(id, ledger, queue, again);
  if (late) return late;
  const last = await read();
  return { outcome: last && isFinal(last.state) ? last : undefined };
}

async function ofJob(
  id: string,
  ledger: ResultLedger,
  queue: string | undefined,
  stored: Outcome | undefined,
): Promise<Known | undefined> {
  const job = await ledger.findJob(id, queue);
  return job && { outcome: await outcomeOf(id, job, ledger, stored), queue: job.queue };
}

async function outcomeOf(
  id: string,
  job: JobState,
  ledger: ResultLedger,
  stored: Outcome | undefined,
): Promise<Outcome> {
  const { state, name, queue, retries } = job;
  if (state === 'STARTED' && stored && !isOutstanding(stored)) return stored;
  if (state === 'FAILURE') return failureOfJob(id, job);
  const outcome: Outcome = { id, state, at: Date.now(), ...(name !== undefined && { task: name }) };
  if (state !== 'RETRY') return outcome;
  const dueAt = await ledger.dueAt(id, queue);
  return { ...outcome, retries, error: retryErrorOf(id, job, dueAt) };
}
