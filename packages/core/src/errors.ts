/** Every error that dtask throws, one class per cause, each with a stable `code`. */

import { notesIn } from './codec/notes.js';
import { appendRemoteStack } from './remote-stack.js';

/** What an error carries beside its message. */
export interface DtaskErrorOptions {
  /** The error that led to this one. */
  cause?: unknown;
}

const brand = Symbol.for('dtask.error');

/**
 * The base of every error that dtask itself throws.
 *
 * `instanceof` asks for the brand and the code, so it also holds when two copies of dtask are
 * installed in one process.
 *
 * @example
 * ```ts
 * try {
 *   await result.get();
 * } catch (error) {
 *   if (error instanceof DtaskError) console.error(error.code, error.message);
 * }
 * ```
 */
export class DtaskError extends Error {
  /** Written out, as a build may shorten the names of classes, and it travels from worker to caller. */
  static override readonly name: string = 'DtaskError';
  /** A name for programs, which stays the same when the message is reworded. */
  static readonly code: string = 'DTASK';

  readonly code: string;

  constructor(message: string, options?: DtaskErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = new.target.code;
    Object.defineProperty(this, brand, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    try {
      if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
      if (typeof value !== 'object' || value === null || !(brand in value)) return false;
      return this === DtaskError || (value as unknown as DtaskError).code === this.code;
    } catch {
      // A proxy that throws, say: whatever a task throws is asked this, and must not be replaced by that.
      return false;
    }
  }
}

/** Thrown when an option has a value that dtask cannot use, or a name that it does not know. */
export class ConfigError extends DtaskError {
  static override readonly name: string = 'ConfigError';
  static override readonly code = 'CONFIG';
}

/** Thrown when a task name is given twice, or a task is used before an App has it. */
export class RegistryError extends DtaskError {
  static override readonly name: string = 'RegistryError';
  static override readonly code = 'REGISTRY';
}

/** Thrown when a task is called with arguments that it does not take. Nothing has been sent. */
export class ArgumentsError extends DtaskError {
  static override readonly name: string = 'ArgumentsError';
  static override readonly code = 'ARGUMENTS';
}

/** Thrown when a value cannot travel as a message: a function, a cycle, an instance of a class. */
export class EncodeError extends DtaskError {
  static override readonly name: string = 'EncodeError';
  static override readonly code = 'ENCODE';
}

/** Thrown when a stored value or message is not one that dtask wrote. */
export class DecodeError extends DtaskError {
  static override readonly name: string = 'DecodeError';
  static override readonly code = 'DECODE';
}

/** Thrown when a message or a result is larger than `maxPayload`. */
export class PayloadTooLargeError extends DtaskError {
  static override readonly name: string = 'PayloadTooLargeError';
  static override readonly code = 'PAYLOAD_TOO_LARGE';
}

/** What a `BrokerError` knows of what was asked for. */
interface BrokerErrorOptions extends DtaskErrorOptions {
  outcome?: BrokerError['outcome'];
  ids?: readonly string[];
}

/**
 * Thrown when Redis did not answer in time, or refused what it was asked for.
 *
 * @example
 * ```ts
 * const sent = charge.delay(order);
 * try {
 *   await sent;
 * } catch (error) {
 *   if (!(error instanceof BrokerError) || error.outcome === 'not-sent') throw error;
 *   // When Redis answers again:
 *   if (!(await app.result(sent.id).exists())) await charge.applyAsync([order], { id: sent.id });
 * }
 * ```
 */
export class BrokerError extends DtaskError {
  static override readonly name: string = 'BrokerError';
  static override readonly code = 'BROKER';
  /**
   * `not-sent`: Redis has certainly done nothing, and will not; a call does not run. `unknown`: it was sent, and
   * no answer says whether Redis has it.
   */
  readonly outcome: 'not-sent' | 'unknown';
  /** The tasks that were to be sent, by their ids; none where it was about something else. */
  readonly ids: readonly string[];

  constructor(message: string, { outcome, ids, ...options }: BrokerErrorOptions = {}) {
    super(message, options);
    this.outcome = outcome ?? 'unknown';
    this.ids = ids ?? [];
  }
}

/** Thrown by `get()` when the task failed: it carries what the task threw as its `cause`. */
export class TaskFailedError extends DtaskError {
  static override readonly name: string = 'TaskFailedError';
  static override readonly code = 'TASK_FAILED';
  /** The task's id. */
  readonly taskId: string;
  /** The task's name, where the worker knew it. */
  readonly taskName: string | undefined;
  /** The class name of the error that the task threw, such as `TypeError`. */
  readonly errorName: string;
  /** The stack of that error, in the worker. */
  declare readonly remoteStack: string | undefined;
  /** What was noted beside it there: that `retryFor` threw, say, so that nobody knew whether to retry. */
  declare readonly notes: readonly string[];
  /** Of a task in `RETRY`: how many times it was retried, this one included. */
  declare readonly retries?: number;
  /** Of a task in `RETRY`: when it is due. */
  declare readonly retryAt?: Date;

  constructor(
    taskId: string,
    taskName: string | undefined,
    cause: unknown,
    { retries, retryAt }: { retries?: number; retryAt?: Date } = {},
  ) {
    const error = cause instanceof Error ? cause : undefined;
    super(error ? error.message : String(cause), { cause });
    this.taskId = taskId;
    this.taskName = taskName;
    this.errorName = error?.name ?? typeof cause;
    if (retries !== undefined) this.retries = retries;
    if (retryAt !== undefined) this.retryAt = retryAt;
    // Printing the error shows it already, within `stack`.
    Object.defineProperty(this, 'remoteStack', { value: error?.stack });
    Object.defineProperty(this, 'notes', { value: notesIn(error) });
    appendRemoteStack(this);
  }
}

/** Thrown by a streamed `map` when an item failed: what the task threw is its `cause`. */
export class MapItemError extends DtaskError {
  static override readonly name: string = 'MapItemError';
  static override readonly code = 'MAP_ITEM';
  /** Which item of the source it was, from 0. */
  readonly index: number;

  constructor(task: string, index: number, cause: unknown) {
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    super(`item ${index} of the map over ${task} failed: ${reason}`, { cause });
    this.index = index;
  }
}

/** Thrown by `get()` when the task was revoked, or expired before it could start. */
export class TaskRevokedError extends DtaskError {
  static override readonly name: string = 'TaskRevokedError';
  static override readonly code = 'TASK_REVOKED';
}

/** Thrown by `get({ timeout })` when no result came in time. The task itself goes on. */
export class ResultTimeoutError extends DtaskError {
  static override readonly name: string = 'ResultTimeoutError';
  static override readonly code = 'RESULT_TIMEOUT';
}

/** The failure of a task whose name no worker on its queue has registered. */
export class UnknownTaskError extends DtaskError {
  static override readonly name: string = 'UnknownTaskError';
  static override readonly code = 'UNKNOWN_TASK';
}

/** The failure of a job that is not a dtask message: foreign, damaged, or of a later version. */
export class MessageRejectedError extends DtaskError {
  static override readonly name: string = 'MessageRejectedError';
  static override readonly code = 'MESSAGE_REJECTED';
}

/** The failure of a task that ran for longer than its `timeLimit`. Its child was killed. */
export class TimeLimitExceededError extends DtaskError {
  static override readonly name: string = 'TimeLimitExceededError';
  static override readonly code = 'TIME_LIMIT_EXCEEDED';
}

/** The reason of a task's `signal` when its `softTimeLimit` has passed. */
export class SoftTimeLimitExceededError extends DtaskError {
  static override readonly name: string = 'SoftTimeLimitExceededError';
  static override readonly code = 'SOFT_TIME_LIMIT_EXCEEDED';
}

/** The failure of a task whose worker process died while it ran. */
export class WorkerLostError extends DtaskError {
  static override readonly name: string = 'WorkerLostError';
  static override readonly code = 'WORKER_LOST';
}

/** The failure of what follows a group whose results are not there any more. */
export class ChordError extends DtaskError {
  static override readonly name: string = 'ChordError';
  static override readonly code = 'CHORD';
}

/** Thrown when an App's modules or a worker cannot start. */
export class StartupError extends DtaskError {
  static override readonly name: string = 'StartupError';
  static override readonly code = 'STARTUP';
}
