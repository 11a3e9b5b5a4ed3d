/** The failures that a task was retried after, as its job keeps them in the field `hist`. */
import type { Failure } from '../../result/failure.js';

/** How a task has failed for good. */
export interface LastFailure {
  readonly failedAt: Date;
  readonly error: Failure;
  /** The worker in which it failed. */
  readonly worker?: string;
  /** How often it was retried by itself before it failed. */
  readonly retries: number;
  /** How often its worker died. */
  readonly crashes: number;
}

/** A failure of a task that was then retried by hand. Long messages and stacks are cut. */
export interface EarlierFailure extends LastFailure {
  readonly retriedAt: Date;
}

/** How it is stored; times are in milliseconds since 1970. */
interface Entry {
  readonly at: number;
  readonly again: number;
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly worker?: string;
  readonly retries?: number;
  readonly crashes?: number;
}

/** The job goes to a worker with its history, so it is kept short. */
const most = 20;
const longestMessage = 500;
const longestStack = 2_000;

/** The text of a job's history with its present failure at the end. */
export function extendHistory(
  text: string | undefined,
  { failedAt, error, worker, retries, crashes }: LastFailure,
  now: number,
): string {
  const entry: Entry = {
    at: failedAt.getTime(),
    again: now,
    name: error.name.slice(0, longestMessage),
    message: error.message.slice(0, longestMessage),
    ...(error.stack !== undefined && { stack: error.stack.slice(0, longestStack) }),
    ...(worker !== undefined && { worker }),
    ...(retries > 0 && { retries }),
    ...(crashes > 0 && { crashes }),
  };
  return JSON.stringify([...entriesIn(text), entry].slice(-most));
}

/** Reads a history; what is not one is none. */
export function readHistory(text: string | undefined): EarlierFailure[] {
  return entriesIn(text).map(
    ({ at, again, name, message, stack, worker, retries = 0, crashes = 0 }) => ({
      failedAt: new Date(at),
      retriedAt: new Date(again),
      error: { name, message, ...(stack !== undefined && { stack }) },
      ...(worker !== undefined && { worker }),
      retries,
      crashes,
    }),
  );
}

function entriesIn(text = '[]'): Entry[] {
  try {
    const entries: unknown = JSON.parse(text);
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch {
    // Nobody of ours wrote it.
    return [];
  }
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false;
  const { at, again, name, message } = value as Record<string, unknown>;
  return (
    Number.isFinite(at) &&
    Number.isFinite(again) &&
    typeof name === 'string' &&
    typeof message === 'string'
  );
}
