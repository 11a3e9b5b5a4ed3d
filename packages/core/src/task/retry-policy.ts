/** Decides whether a failed task is tried again, and after how long. Pure. */
import { type Duration, toMilliseconds } from '../duration.js';
import { ConfigError } from '../errors.js';
import { show } from '../config/setting.js';

/** A class of errors, or a predicate over what was thrown. */
export type ErrorFilter =
  | readonly (abstract new (...args: never[]) => unknown)[]
  | (abstract new (...args: never[]) => unknown)
  | ((error: unknown) => boolean);

/** The retry options of a task; calls may give the ones that are not `retryFor` and `dontRetryFor`. */
export interface RetryOptions {
  /**
   * How many times a failed run is tried again; `null` means for ever.
   * Giving it also switches retries on for every error, unless `retryFor` narrows them.
   * @default 3
   */
  maxRetries?: number | null;
  /**
   * Wait before each retry, where `retryBackoff` is off.
   * @default '3m', as in Celery
   */
  retryDelay?: Duration;
  /**
   * Wait that doubles with each retry: `true` starts at one second, a duration starts there,
   * `false` uses `retryDelay`.
   * @default true, or false where `retryDelay` is given
   */
  retryBackoff?: boolean | Duration;
  /**
   * Longest wait that doubling reaches.
   * @default '10m'
   */
  retryBackoffMax?: Duration;
  /**
   * Draw each wait at random between 0 and its full length, so that many failures do not come
   * back together ("full jitter").
   * @default true
   */
  retryJitter?: boolean;
  /** Which errors are retried. A class covers its subclasses. @default none, or all where `maxRetries` is given */
  retryFor?: ErrorFilter;
  /** Which errors are never retried, even where `retryFor` names them. */
  dontRetryFor?: ErrorFilter;
}

/** The checked retry settings of a task. Times are in milliseconds. */
export interface RetryPolicy {
  readonly max: number | null;
  readonly delay: number;
  /** First wait of the doubling; 0 means a fixed `delay`. */
  readonly backoff: number;
  readonly backoffMax: number;
  readonly jitter: boolean;
  /** Whether an error is one that is retried. */
  readonly retries: (error: unknown) => boolean;
  /** Whether the task leaves it to each call which errors are retried. */
  readonly open: boolean;
}

/** The part of a policy that says how often and how long. */
export type RetryTiming = Omit<RetryPolicy, 'retries' | 'open'>;

/** The settings of Celery (`celery.md` T3 to T7), but for backoff, which is on unless a delay is given. */
const defaults = { max: 3, delay: 180_000, backoff: 1_000, backoffMax: 600_000 } as const;

/**
 * Checks the retry options of a task.
 *
 * @throws ConfigError when one is of the wrong kind
 */
export function retryPolicy(options: RetryOptions): RetryPolicy {
  return {
    ...retryNumbers(options),
    retries: errorFilter(options),
    open: options.retryFor === undefined && options.dontRetryFor === undefined,
  };
}

/** Checks the retry options that are plain data, which also a call may give. */
export function retryNumbers(options: RetryOptions): RetryTiming {
  const { maxRetries, retryDelay, retryBackoff, retryBackoffMax, retryJitter = true } = options;
  if (typeof retryJitter !== 'boolean') {
    throw new ConfigError(`retryJitter must be true or false, got ${show(retryJitter)}`);
  }
  return {
    max: maxRetries === undefined ? defaults.max : count(maxRetries),
    delay: retryDelay === undefined ? defaults.delay : toMilliseconds(retryDelay, 'retryDelay'),
    backoff: firstWait(retryBackoff ?? retryDelay === undefined),
    backoffMax:
      retryBackoffMax === undefined
        ? defaults.backoffMax
        : toMilliseconds(retryBackoffMax, 'retryBackoffMax'),
    jitter: retryJitter,
  };
}

/**
 * The wait before retry number `retries + 1`, in milliseconds.
 *
 * @param retries how many times the task has been retried before
 * @param random a number from 0 up to 1, for the jitter
 */
export function retryWait(
  policy: RetryTiming,
  retries: number,
  random: () => number = Math.random,
): number {
  if (policy.backoff === 0) return policy.delay;
  const full = Math.min(policy.backoffMax, policy.backoff * 2 ** retries);
  return policy.jitter ? Math.floor(random() * (full + 1)) : full;
}

/** Whether one more retry is allowed. */
export const mayRetry = (max: number | null, retries: number): boolean =>
  max === null || retries < max;

function count(value: number | null): number | null {
  if (value === null || (Number.isSafeInteger(value) && value >= 0)) return value;
  throw new ConfigError(
    `maxRetries must be a whole number of at least 0, or null for no limit, got ${show(value)}`,
  );
}

function firstWait(backoff: boolean | Duration): number {
  if (backoff === false) return 0;
  return backoff === true ? defaults.backoff : toMilliseconds(backoff, 'retryBackoff');
}

function errorFilter(options: RetryOptions): (error: unknown) => boolean {
  const wanted = matcher(options.retryFor, 'retryFor');
  const unwanted = matcher(options.dontRetryFor, 'dontRetryFor');
  // maxRetries alone means what it means in other task queues: try again, whatever went wrong.
  const otherwise = options.maxRetries !== undefined && options.maxRetries !== 0;
  return (error) => !unwanted?.(error) && (wanted?.(error) ?? otherwise);
}

function matcher(
  filter: ErrorFilter | undefined,
  what: string,
): ((error: unknown) => boolean) | undefined {
  if (filter === undefined) return undefined;
  const kinds = Array.isArray(filter) ? (filter as readonly unknown[]) : [filter];
  if (kinds.some((kind) => typeof kind !== 'function')) {
    throw new ConfigError(
      `${what} must be an error class, an array of error classes, or a function of the error, got ${show(filter)}`,
    );
  }
  const holds =
    !Array.isArray(filter) && !isErrorClass(filter)
      ? (filter as (error: unknown) => unknown)
      : (error: unknown) => kinds.some((kind) => error instanceof (kind as new () => unknown));
  return (error) => {
    let answer: unknown;
    try {
      answer = holds(error);
    } catch (thrown) {
      throw new FilterError(what, thrown);
    }
    if (!isThenable(answer)) return Boolean(answer);
    // It would count as true, and what it is rejected with would be nobody's.
    answer.then(undefined, () => undefined);
    throw new FilterError(
      what,
      new ConfigError(`it gave a promise; it must give true or false at once`),
    );
  };
}

/** Thrown where a filter could not be asked: the error that it was to judge is another. */
export class FilterError extends Error {
  /** Which option the filter is. */
  readonly option: string;

  constructor(option: string, cause: unknown) {
    super(`${option} threw`, { cause });
    this.option = option;
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' &&
  value !== null &&
  'then' in value &&
  typeof value.then === 'function';

/** A class, which a predicate is not: its prototype cannot be replaced, and is not there in an arrow function. */
function isErrorClass(value: unknown): boolean {
  if (typeof value !== 'function') return false;
  const prototype: unknown = value.prototype;
  return (
    prototype instanceof Error ||
    Object.getOwnPropertyDescriptor(value, 'prototype')?.writable === false
  );
}
