/** What follows when a task throws. Pure. */
import { toMilliseconds } from '../duration.js';
import { ArgumentsError } from '../errors.js';
import type { MessageRetry } from '../protocol/call-settings.js';
import { mayRetry, type RetryPolicy, type RetryTiming, retryWait } from './retry-policy.js';
import { Ignore, MaxRetriesExceededError, Reject, Retry } from '../steering.js';

/** The end of a run that threw. */
export type Verdict =
  | {
      readonly kind: 'retry';
      readonly wait: number;
      readonly error: unknown;
      readonly args?: readonly unknown[];
    }
  | { readonly kind: 'fail'; readonly error: unknown }
  | { readonly kind: 'ignore' }
  | { readonly kind: 'requeue' };

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

/** Decides by what was thrown, the task's settings and the call's. */
export function judge(thrown: unknown, at: Circumstances, random?: () => number): Verdict {
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
  const wait = requestedWait(thrown, at.now) ?? retryWait(policy, at.retries, random);
  const error = request.error ?? thrown;
  return { kind: 'retry', wait, error, ...(request.args !== undefined && { args: request.args }) };
}

function requestedWait({ request }: Retry, now: number): number | undefined {
  if (request.countdown !== undefined) return toMilliseconds(request.countdown, 'countdown');
  return request.eta === undefined ? undefined : Math.max(0, request.eta.getTime() - now);
}

/** A call that gives `maxRetries` switches retries on, as a task that gives it does. */
function wantsRetry(thrown: unknown, at: Circumstances): boolean {
  return at.policy.retries(thrown) || (at.policy.open && at.override?.max !== undefined);
}

function merged(at: Circumstances): RetryTiming {
  const { retries: _retries, open: _open, ...policy } = at.policy;
  return { ...policy, ...at.override };
}
