/** What follows when a task throws. Pure, but for what is noted on an error. */
import { toMilliseconds } from '../duration.js';
import { note } from '../codec/index.js';
import { ArgumentsError, ConfigError } from '../errors.js';
import type { TaskLogger } from './context.js';
import { failureOf, reasonOf } from '../result/failure.js';
import type { MessageRetry } from '../protocol/call-settings.js';
import {
  FilterError,
  mayRetry,
  type RetryPolicy,
  type RetryTiming,
  retryWait,
} from './retry-policy.js';
import { Ignore, MaxRetriesExceededError, Reject, Retry } from '../steering.js';

/** The end of a run that threw. */
export type Verdict =
  | {
      readonly kind: 'retry';
      readonly wait: number;
      /** When, where the task has named a point in time: `wait` is by the clock of its process. */
      readonly due?: number;
      readonly error: unknown;
      readonly args?: readonly unknown[];
    }
  | {
      readonly kind: 'fail';
      readonly error: unknown;
      /** What kept it from being judged; it is noted on the error. */
      readonly beside?: Beside;
    }
  | { readonly kind: 'ignore' }
  | { readonly kind: 'requeue' };

/** A callback of the user's that threw where an error was dealt with. */
export interface Beside {
  readonly callback: string;
  readonly error: unknown;
}

/** What a verdict rests on. */
export interface Circumstances {
  readonly id: string;
  readonly name: string;
  /** How many times the task has been retried. */
  readonly retries: number;
  readonly policy: RetryPolicy;
  /** What the call gave in place of the task's retry settings. */
  readonly override: MessageRetry | undefined;
  readonly now: number;
}

/**
 * Decides by what was thrown, the task's settings and the call's. It never throws: where the user's own
 * code throws that is asked, the task has failed with its own error.
 */
export function judge(thrown: unknown, at: Circumstances, random?: () => number): Verdict {
  try {
    return decide(thrown, at, random);
  } catch (error) {
    return error instanceof FilterError
      ? failWith(thrown, error.option, error.cause)
      : failWith(thrown, 'looking at the error', error);
  }
}

/** Logs what kept an error from being judged. */
export function tellBeside(
  verdict: Verdict,
  { name: task, id }: Pick<Circumstances, 'id' | 'name'>,
  logger: TaskLogger,
): void {
  if (verdict.kind !== 'fail' || !verdict.beside) return;
  const { callback, error } = verdict.beside;
  logger.error({ task, id, err: error }, `${callback} threw; the task fails with its own error`);
}

/** Fails with the task's error, and notes what else went wrong. */
function failWith(thrown: unknown, callback: string, error: unknown): Verdict {
  note(thrown, `${callback} threw ${nameIn(error)}`);
  return { kind: 'fail', error: thrown, beside: { callback, error } };
}

function decide(thrown: unknown, at: Circumstances, random?: () => number): Verdict {
  if (thrown instanceof Ignore) return { kind: 'ignore' };
  if (thrown instanceof Reject)
    return thrown.requeue ? { kind: 'requeue' } : { kind: 'fail', error: thrown };
  if (thrown instanceof Retry) return judgeRequest(thrown, at, random);
  // Wrong arguments stay wrong.
  const wanted = !(thrown instanceof ArgumentsError) && wantsRetry(thrown, at);
  const timing = merged(at);
  if (!wanted || !mayRetry(timing.max, at.retries)) return { kind: 'fail', error: thrown };
  return { kind: 'retry', wait: retryWait(timing, at.retries, random), error: thrown };
}

function judgeRequest(thrown: Retry, at: Circumstances, random?: () => number): Verdict {
  const { request } = thrown;
  const policy = merged(at);
  const max = request.maxRetries === undefined ? policy.max : request.maxRetries;
  if (!mayRetry(max, at.retries)) {
    const error =
      request.error ??
      new MaxRetriesExceededError(
        `task ${at.name}[${at.id}] asked for a retry after its last one (maxRetries is ${max})`,
      );
    return { kind: 'fail', error };
  }
  let wait: number;
  try {
    wait = requestedWait(thrown, at.now) ?? retryWait(policy, at.retries, random);
  } catch (refused) {
    return request.error === undefined
      ? { kind: 'fail', error: refused }
      : failWith(request.error, 'the retry that the task asked for', refused);
  }
  const error = request.error ?? thrown;
  const { args, countdown, eta } = request;
  const due = countdown === undefined ? eta?.getTime() : undefined;
  return {
    kind: 'retry',
    wait,
    error,
    ...(due !== undefined && { due }),
    ...(args !== undefined && { args }),
  };
}

function requestedWait({ request }: Retry, now: number): number | undefined {
  if (request.countdown !== undefined) return toMilliseconds(request.countdown, 'countdown');
  if (request.eta === undefined) return undefined;
  const wait = request.eta.getTime() - now;
  if (Number.isNaN(wait)) throw new ConfigError('the eta of a retry must be a valid Date');
  return Math.max(0, wait);
}

/** A call that gives `maxRetries` switches retries on, as a task that gives it does. */
function wantsRetry(thrown: unknown, at: Circumstances): boolean {
  return at.policy.retries(thrown) || (at.policy.open && at.override?.max !== undefined);
}

function merged(at: Circumstances): RetryTiming {
  const { retries: _retries, open: _open, ...policy } = at.policy;
  return { ...policy, ...at.override };
}

/** What was thrown, in one line. */
const nameIn = (thrown: unknown): string => reasonOf(failureOf(thrown));
