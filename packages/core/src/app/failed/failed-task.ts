/** A failed task: all that is known of it, read from what its job keeps. */
import { shownQueue } from '../../protocol/keys.js';
import { markFields } from '../../protocol/marks.js';
import { decodeMessage, type Message } from '../../protocol/message.js';
import { type Outcome, parseOutcome } from '../../protocol/outcome.js';
import { type Failure, failureFrom, failureOf } from '../../result/failure.js';
import { type EarlierFailure, type LastFailure, readHistory } from './failed-history.js';
import type { Head } from './failed-heads.js';

/** A task that has failed and is kept. */
export interface FailedTask extends LastFailure {
  readonly id: string;
  /** The queue that it was sent to. */
  readonly queue: string;
  /** The task's name; empty where the job has none. */
  readonly task: string;
  /** When it was sent. */
  readonly sentAt?: Date;
  /** When its last run began. */
  readonly startedAt?: Date;
  /** Absent where the job cannot be read. */
  readonly args?: readonly unknown[];
  readonly headers?: Readonly<Record<string, unknown>>;
  /** The first task of the tree that it belongs to. */
  readonly rootId?: string;
  /** The task that called it. */
  readonly parentId?: string;
  /** Whether a canvas goes on behind it. */
  readonly followed: boolean;
  /** What went wrong in the runs before the last one, the latest last: ten at most. */
  readonly tries: readonly Failure[];
  /** The failures after which it was retried by hand, the latest last: twenty at most. */
  readonly history: readonly EarlierFailure[];
  /** Why it cannot be run: what is wrong with its job, or that it was for a worker which is gone. */
  readonly damaged?: string;
}

/** The hash of a failed job as Redis gives it, and what of it could be read. */
export interface FailedJob {
  readonly head: Head;
  readonly fields: Readonly<Record<string, string>>;
  /** Absent where it cannot be run. */
  readonly message: Message | undefined;
  readonly task: FailedTask;
}

/**
 * Reads a failed job. It never throws, whatever the job holds.
 *
 * @param orphan whether the worker is gone that alone can run it
 */
export function readFailed(
  head: Head,
  found: Record<string, string> | Error,
  orphan: boolean,
): FailedJob {
  const fields = found instanceof Error ? {} : found;
  const message = found instanceof Error ? damage(found.message) : messageIn(head.id, fields);
  const outcome = outcomeIn(fields);
  const stacks = stacksIn(fields['stacktrace']);
  const error = outcome
    ? failureOf(outcome.error)
    : failureFrom(fields['failedReason'] ?? '', stacks.at(-1));
  const readable = message instanceof Error ? undefined : message;
  const task: FailedTask = {
    id: head.id,
    queue: shownQueue(head.queue),
    task: fields['name'] ?? '',
    failedAt: new Date(Number(head.at)),
    ...timesIn(fields),
    error,
    ...(outcome?.worker !== undefined && { worker: outcome.worker }),
    // BullMQ counts the run that failed as well.
    retries: outcome?.retries ?? Math.max(0, count(fields['atm']) - 1),
    crashes: count(fields[markFields.crashes] ?? fields['stc']),
    ...(readable ? partsOf(readable) : { followed: false }),
    tries: stacks.slice(0, -1).map((stack) => failureFrom('', stack)),
    history: readHistory(fields['hist']),
    ...(message instanceof Error && { damaged: message.message }),
    ...(orphan && {
      damaged: `it was broadcast for a worker that is gone, in queue ${head.queue}`,
    }),
  };
  return { head, fields, message: orphan ? undefined : readable, task };
}

function partsOf(message: Message): Pick<FailedTask, 'followed'> & Partial<FailedTask> {
  const { args, headers, root, parent, next, link } = message;
  return {
    args,
    ...(headers && { headers }),
    ...(root !== undefined && { rootId: root }),
    ...(parent !== undefined && { parentId: parent }),
    followed: (next ?? link) !== undefined,
  };
}

function messageIn(id: string, fields: Readonly<Record<string, string>>): Message | Error {
  if (Object.keys(fields).length === 0) return damage('its job is gone');
  const { name, data = '' } = fields;
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch (error) {
    return damage(`its data is not JSON (${(error as Error).message}): ${data.slice(0, 80)}`);
  }
  try {
    return decodeMessage(id, name, json);
  } catch (error) {
    return error as Error;
  }
}

const damage = (why: string): Error => new Error(why);

/** The end of the last run, as its record says too for as long as there is one. */
function outcomeIn({ err }: Readonly<Record<string, string>>): Outcome | undefined {
  if (err === undefined) return undefined;
  try {
    return parseOutcome(err);
  } catch {
    // What BullMQ keeps of the error is next best.
    return undefined;
  }
}

/** The stacks of the last runs. */
function stacksIn(text = '[]'): string[] {
  try {
    const stacks: unknown = JSON.parse(text);
    return Array.isArray(stacks) ? stacks.filter((stack) => typeof stack === 'string') : [];
  } catch {
    // Not BullMQ's: there is nothing to tell.
    return [];
  }
}

function timesIn(fields: Readonly<Record<string, string>>): Pick<FailedTask, 'sentAt'> {
  const sentAt = date(fields['timestamp']);
  const startedAt = date(fields['processedOn']);
  return { ...(sentAt && { sentAt }), ...(startedAt && { startedAt }) };
}

function date(text: string | undefined): Date | undefined {
  const time = new Date(Number(text ?? Number.NaN));
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function count(text: string | undefined): number {
  const value = Number(text ?? 0);
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}
