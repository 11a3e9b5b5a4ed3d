/** What a look at Redis says to somebody who waits for a task. */
import type { Before } from '../protocol/outcome.js';
import { isFinal, isOutcomeRecord, isOutstanding, type Outcome } from '../protocol/outcome.js';
import type { Entry } from './entries.js';
import { failureOfJob, type JobState } from './job-state.js';
import type { Sighting } from './ledger.js';

/** What a look says. */
export type Verdict =
  /** There is a record: of the end, or of a state on the way. */
  | { readonly kind: 'record'; readonly record: unknown }
  /** Its end is known otherwise. */
  | { readonly kind: 'end'; readonly outcome: Outcome }
  /** It goes on. */
  | { readonly kind: 'open' }
  /** Of what was there nothing is left. */
  | { readonly kind: 'lost' }
  /** Nothing is known of it, and never was here. */
  | { readonly kind: 'unknown' };

/** What else may have to be asked. */
export interface Questions {
  /** Whether what has to end before a task is there. */
  readonly holds: (before: Before | undefined) => Promise<boolean>;
  /** What the job of a task says that has failed. */
  readonly findJob: (id: string, queue: string) => Promise<JobState | undefined>;
  /** Whether nobody is to hear how a task ends. */
  readonly isIgnored: (id: string, queue: string) => Promise<boolean | undefined>;
}

const goesOn: Verdict = { kind: 'open' };

/** Judges what was found, and notes on the entry what is known by it. */
export async function judge(entry: Entry, found: Sighting, ask: Questions): Promise<Verdict> {
  const { id, listener } = entry;
  const record = found.text === null ? undefined : parse(found.text);
  const state = isOutcomeRecord(record) ? record.state : undefined;
  if (record !== undefined && (state === undefined || isFinal(state)))
    return { kind: 'record', record };
  if (found.queue !== undefined) {
    const isFirst = !entry.isKnown;
    entry.sawIn(found.queue);
    if (listener.byId && isFirst && (await ask.isIgnored(id, found.queue))) return ignored(id);
    return record === undefined || isOutstanding(record as unknown as Outcome)
      ? goesOn
      : { kind: 'record', record };
  }
  if (found.failedIn !== undefined) {
    const job = await ask.findJob(id, found.failedIn);
    return job?.state === 'FAILURE' ? { kind: 'end', outcome: failureOfJob(id, job) } : goesOn;
  }
  if (record !== undefined && isOutstanding(record as unknown as Outcome))
    return judgeOutstanding(entry, record as unknown as Outcome, ask);
  if (listener.byId)
    return entry.isKnown || record !== undefined ? { kind: 'lost' } : { kind: 'unknown' };
  if (!found.isSought) return goesOn;
  const before = listener.before?.();
  return before && (await ask.holds(before)) ? goesOn : { kind: 'lost' };
}

async function judgeOutstanding(
  entry: Entry,
  { id, before, ignored: isIgnored }: Outcome,
  ask: Questions,
): Promise<Verdict> {
  entry.saw();
  if (entry.listener.byId && isIgnored) return ignored(id);
  return (await ask.holds(before)) ? goesOn : { kind: 'lost' };
}

/** As an end: `get()` gives nothing then. */
const ignored = (id: string): Verdict => ({
  kind: 'end',
  outcome: { id, state: 'IGNORED', at: Date.now() },
});

/** A record that cannot be parsed is reported as what it is when it is decoded. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
