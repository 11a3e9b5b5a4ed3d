/** What dtask notes on jobs, and what else comes with one that BullMQ does not pass on. */
import type { Job } from 'bullmq';
import { markFields } from '@dtask/core/internal';

/** The notes on a job. */
export interface Marks {
  /** It was revoked while a worker had it: JSON of how. */
  readonly revoked?: string;
  /** Of a pack: which of its calls were revoked, as JSON. */
  readonly revokedCalls?: string;
  /** It has failed already, as a call of a pack: the record of its end. */
  readonly ended?: string;
  /** How many times it has killed the process that it ran in. */
  readonly crashes: number;
  /** How many times a process has died that it ran in with others. */
  readonly sharedCrashes: number;
  /** The attempt that has a turn by its task's rate. */
  readonly admitted: number;
  /** The attempt that the rate has let start: it waits for a place. */
  readonly entered: number;
}

const none: Marks = { crashes: 0, sharedCrashes: 0, admitted: -1, entered: -1 };
/** Of jobs that were fetched, and are not made yet: BullMQ passes on only the fields that it knows. */
const fetched = new Map<string, Marks>();
const found = new WeakMap<Job, Marks>();

/**
 * Keeps the notes among the fields of a job that was fetched.
 *
 * @param fields names and values in turns
 */
export function keepMarks(fields: readonly unknown[], id: string): void {
  let marks: { -readonly [K in keyof Marks]: Marks[K] } | undefined;
  for (let at = 0; at < fields.length; at += 2) {
    const value = fields[at + 1] as string;
    switch (fields[at]) {
      case markFields.revoked:
        (marks ??= { ...none }).revoked = value;
        break;
      case markFields.revokedCalls:
        (marks ??= { ...none }).revokedCalls = value;
        break;
      case markFields.ended:
        (marks ??= { ...none }).ended = value;
        break;
      case markFields.crashes:
        (marks ??= { ...none }).crashes = Number(value);
        break;
      case markFields.sharedCrashes:
        (marks ??= { ...none }).sharedCrashes = Number(value);
        break;
      case markFields.admitted:
        (marks ??= { ...none }).admitted = Number(value);
        break;
      case markFields.entered:
        (marks ??= { ...none }).entered = Number(value);
        break;
    }
  }
  if (marks) fetched.set(id, marks);
}

/** Gives a job the notes that came with it. */
export function giveMarks(job: Job, id: string): void {
  if (fetched.size === 0) return;
  const marks = fetched.get(id);
  if (!marks) return;
  fetched.delete(id);
  found.set(job, marks);
}

/** Notes that a job was revoked, where the mark came in another way. */
export function setRevoked(job: Job, text: string): void {
  found.set(job, { ...none, revoked: text });
}

/** The notes on a job. */
export const marksOf = (job: Job): Marks => found.get(job) ?? none;
