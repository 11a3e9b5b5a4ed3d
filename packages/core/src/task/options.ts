/** The options of tasks and of calls, which share their names. */
import type { Duration } from '../duration.js';
import type { RetryOptions } from './retry-policy.js';
import type { StandardSchema } from './schema.js';

/** What a call may say, in place of what its task says. */
export interface CallOptions extends Omit<RetryOptions, 'retryFor' | 'dontRetryFor'> {
  /** Queue to send to. @default the task's, else the app's `defaultQueue` */
  queue?: string;
  /**
   * Urgency from 0 (first) to 9 (last), as Celery has it on Redis.
   * @default 0
   */
  priority?: number;
  /** Wait before the task may start. */
  countdown?: Duration;
  /** When the task may start, in place of `countdown`. */
  eta?: Date;
  /** When the call is no longer wanted: a span from now, or a date. It then ends as `REVOKED`. */
  expires?: Duration | Date;
  /**
   * The task's id. Sending twice under one id, while the first is not done, sends once.
   * @default a random UUID
   */
  id?: string;
  /** Data for the task and for middleware, kept across retries. */
  headers?: Readonly<Record<string, unknown>>;
  /** Store and push no result: `get()` gives `undefined` at once. @default false */
  ignoreResult?: boolean;
  /** How long the result is kept; 0 keeps it for ever. @default the app's `resultExpires` */
  resultExpires?: Duration;
}

/** What a task may say of itself. */
export interface TaskOptions extends RetryOptions, Omit<CallOptions, 'id' | 'eta'> {
  /** The task's name, which callers and workers share. @default the function's, or `Class.method` */
  name?: string;
  /**
   * Schema of the arguments: one for the whole list, or one for each. The task gets what they
   * parse to.
   */
  args?: StandardSchema | readonly StandardSchema[];
  /** Schema of the result: the caller gets what it parses to. */
  returns?: StandardSchema;
}

/** The keys of `CallOptions`. */
export const callOptionKeys = [
  'queue',
  'priority',
  'countdown',
  'eta',
  'expires',
  'id',
  'headers',
  'ignoreResult',
  'resultExpires',
  'maxRetries',
  'retryDelay',
  'retryBackoff',
  'retryBackoffMax',
  'retryJitter',
] as const satisfies readonly (keyof CallOptions)[];

/** The keys of `TaskOptions`. */
export const taskOptionKeys = [
  ...callOptionKeys.filter((key) => key !== 'id' && key !== 'eta'),
  'name',
  'args',
  'returns',
  'retryFor',
  'dontRetryFor',
] as const satisfies readonly (keyof TaskOptions)[];
