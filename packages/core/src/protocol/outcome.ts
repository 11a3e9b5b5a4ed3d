/** The outcome of a task, as it is kept under its result key and pushed to its caller. */
import { decode, encode, encodeError, type HandleMaker } from '../codec/index.js';
import { DecodeError, EncodeError, PayloadTooLargeError } from '../errors.js';
import { Encoded } from './encoded.js';
import type { IdRun } from './id-run.js';
import { assertSize } from './message.js';

/**
 * The states of a task. `UNKNOWN` is an id that was never sent, or whose result has expired; `WAITING`
 * is a task of a canvas that is sent when what comes before it has ended; a task may report others of
 * its own with `updateState`.
 */
export type TaskState =
  | 'UNKNOWN'
  | 'WAITING'
  | 'PENDING'
  | 'RECEIVED'
  | 'STARTED'
  | 'PROGRESS'
  | 'RETRY'
  | 'REPLACED'
  | 'SUCCESS'
  | 'FAILURE'
  | 'REVOKED'
  | 'IGNORED'
  | (string & {});

const finalStates: ReadonlySet<string> = new Set(['SUCCESS', 'FAILURE', 'REVOKED', 'IGNORED']);

/** Whether a task in this state has ended. */
export const isFinal = (state: TaskState): boolean => finalStates.has(state);

/** The tasks of a canvas that come before another: when all have ended, that is sent. */
export interface Before {
  /** Their ids, in the order in which they come. */
  readonly runs: readonly IdRun[];
  /** The queues that they are sent to. */
  readonly queues: readonly string[];
}

/** What became of a task so far. */
export interface Outcome {
  readonly id: string;
  readonly state: TaskState;
  /** What the task returned, or the details of a state on the way there. */
  readonly value?: unknown;
  /** What the task threw. */
  readonly error?: unknown;
  readonly task?: string;
  readonly worker?: string;
  readonly retries?: number | undefined;
  /** When it was written, in milliseconds since 1970. */
  readonly at: number;
  /** The tasks that it called, and those that follow it in a canvas. */
  readonly children?: readonly string[] | undefined;
  /** Of a task that is not sent yet: where it will be. */
  readonly queue?: string;
  /** Of a task that is not sent yet, or was replaced: what has to end first, where that is noted. */
  readonly before?: Before | undefined;
  /** Of a task that is not sent yet: the caller process that hears of its end. */
  readonly reply?: string | undefined;
  /** Of a task that is not sent yet: nobody is to hear how it ends. */
  readonly ignored?: boolean | undefined;
}

/** Whether a record says that there is no message of the task for now, and that its end will come all the same. */
export const isOutstanding = ({ state }: Pick<Outcome, 'state'>): boolean =>
  state === 'WAITING' || state === 'REPLACED';

/**
 * Writes an outcome as JSON text.
 *
 * @throws EncodeError when the value cannot travel, PayloadTooLargeError when it is too large
 */
export function encodeOutcome(outcome: Outcome, maxPayload: number): string {
  const { id, task, state, worker, retries, at, value, error, children } = outcome;
  // Written piece by piece: every task pays for this, and JSON.stringify of the whole takes twice as long.
  let text = `{"v":1,"id":${JSON.stringify(id)},"state":${quoted(state)},"at":${at}`;
  if (task !== undefined) text += `,"task":${quoted(task)}`;
  if (worker !== undefined) text += `,"worker":${quoted(worker)}`;
  if (retries !== undefined) text += `,"retries":${retries}`;
  if (children !== undefined && children.length > 0)
    text += `,"children":${JSON.stringify(children)}`;
  if (value instanceof Encoded) text += `,"value":${value.text}`;
  else if (value !== undefined) text += `,"value":${JSON.stringify(encode(value, 'result'))}`;
  if (error !== undefined) text += `,"error":${JSON.stringify(encodeError(error))}`;
  text += '}';
  // A UTF-16 unit takes at most three bytes, so most texts need no counting.
  if (text.length * 3 > maxPayload)
    assertSize(text, maxPayload, `the result of task ${task ?? id}`);
  return text;
}

/** The texts that one worker writes again and again: states, its name, its tasks' names. */
const quotations = new Map<string, string>();
const mostQuotations = 1_000;

function quoted(text: string): string {
  let quotation = quotations.get(text);
  if (quotation === undefined) {
    quotation = JSON.stringify(text);
    if (quotations.size < mostQuotations) quotations.set(text, quotation);
  }
  return quotation;
}

/**
 * Reads an outcome's JSON text.
 *
 * @param handles makes the handles of tasks that its value holds
 * @throws DecodeError when it is not one that dtask wrote
 */
export function parseOutcome(text: string, handles?: HandleMaker): Outcome {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (cause) {
    throw new DecodeError(`not a task's result: ${text.slice(0, 80)}`, { cause });
  }
  return decodeOutcome(record, handles);
}

/**
 * Reads an outcome from parsed JSON.
 *
 * @throws DecodeError when it is not one that dtask wrote
 */
export function decodeOutcome(record: unknown, handles?: HandleMaker): Outcome {
  if (!isOutcomeRecord(record)) {
    throw new DecodeError(
      `not a task's result: ${(JSON.stringify(record) ?? 'undefined').slice(0, 80)}`,
    );
  }
  const { v: _version, value, error, ...rest } = record;
  const outcome: Record<string, unknown> = rest;
  if (value !== undefined) outcome['value'] = decode(value, 'result', undefined, handles);
  if (error !== undefined) outcome['error'] = decode(error, 'error');
  return outcome as unknown as Outcome;
}

interface OutcomeRecord extends Record<string, unknown> {
  readonly id: string;
  readonly state: string;
}

/** Whether parsed JSON has the form of an outcome. Its value may still be damaged. */
export function isOutcomeRecord(record: unknown): record is OutcomeRecord {
  if (typeof record !== 'object' || record === null) return false;
  const { v, id, state } = record as Record<string, unknown>;
  return v === 1 && typeof id === 'string' && typeof state === 'string';
}

/** Whether an error says that a value could not be written, rather than that a task failed. */
export const isEncodeFailure = (error: unknown): boolean =>
  error instanceof EncodeError || error instanceof PayloadTooLargeError;
