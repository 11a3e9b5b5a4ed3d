/** The options of tasks and of calls, which share their names. */
import type { PoolKind } from '../config/pool-kind.js';
import type { Duration } from '../duration.js';
import { type PeriodicOptions, periodicKeys } from '../schedule/periodic.js';
import type { BatchOptions } from './batch.js';
import type { RetryOptions } from './retry-policy.js';
import type { StandardSchema } from './schema.js';
import type { TaskHooks } from './task-hooks.js';

/** How often a task may start: so many times in a second, a minute, an hour or a day. */
export type RateLimit = `${number}/${'s' | 'm' | 'h' | 'd'}` | number;

/**
 * How calls of a task are recognised as the same one.
 *
 * @typeParam A the arguments of the task
 */
// oxlint-disable-next-line typescript/no-explicit-any -- a call by name does not know them
export interface UniqueOptions<A extends readonly unknown[] = any[]> {
  /** What makes two calls of a task the same. @default the arguments */
  key?: (...args: A) => string;
  /** Until when a second call is the first one. @default 'done' */
  until?: 'started' | 'done';
  /**
   * In place of `until`: calls within this time of the first one are that one, also after its end;
   * later ones are not, even where the first has not ended.
   */
  ttl?: Duration;
}

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
   * The task's id. A second call under it changes nothing while the first waits or runs, or its result is
   * kept.
   * @default a random UUID
   */
  id?: string;
  /** Data for the task and for middleware, kept across retries. */
  headers?: Readonly<Record<string, unknown>>;
  /** Store and push no result: `get()` gives `undefined` at once. @default false */
  ignoreResult?: boolean;
  /** How long the result is kept; 0 keeps it for ever. @default the app's `resultExpires` */
  resultExpires?: Duration;
  /**
   * Longest run. Then its child is killed and the task fails with `TimeLimitExceededError`; in the
   * inline pool the task fails, and its code goes on.
   * @default the worker's `timeLimit`, else none
   */
  timeLimit?: Duration;
  /**
   * After this time the task's `signal` fires with a `SoftTimeLimitExceededError`, which dtask's own
   * waits within the task throw as well.
   * @default the worker's `softTimeLimit`, else none
   */
  softTimeLimit?: Duration;
  /**
   * Send once while an equal call waits or runs, in one queue: who calls again gets the result of
   * the first. Not for the steps of a canvas.
   * @default false
   */
  unique?: boolean | UniqueOptions;
}

/** The options whose types depend on the task's function in more than its arguments and its value. */
type FormOptions = 'ignoreResult' | 'unique';
type TickOptions = 'every' | 'cron' | 'schedule';

/**
 * The options of a task whose types are the same for each form of its function.
 *
 * @typeParam A the arguments of the task, which its key functions get
 * @typeParam R what it gives, which its hooks get
 */
export interface PlainTaskOptions<A extends readonly unknown[], R>
  extends
    RetryOptions,
    Omit<CallOptions, 'id' | 'eta' | FormOptions>,
    Omit<PeriodicOptions, TickOptions> {
  /** The task's name, which callers and workers share. @default the function's, or `Class.method` */
  name?: string;
  /**
   * Send once while an equal call waits or runs, in one queue: who calls again gets the result of
   * the first. Not for the steps of a canvas.
   * @default false
   */
  unique?: boolean | UniqueOptions<A>;
  /**
   * How often it may start, over all workers: `'100/m'` starts one every 600 ms at most. What comes
   * sooner waits in Redis, and holds nothing up.
   */
  rateLimit?: RateLimit;
  /** Limits calls with the same key apart from those with another one. */
  rateLimitKey?: (...args: A) => string;
  /** Whether the rate is that of all workers together, or of each (as in Celery). @default 'global' */
  rateLimitScope?: 'global' | 'worker';
  /** How many may run at a time, over all workers. The others wait in Redis, and hold nothing up. */
  maxConcurrency?: number;
  /** Counts calls with the same key apart from those with another one. */
  concurrencyKey?: (...args: A) => string;
  /**
   * What becomes of a task whose worker dies: it runs again, or it fails with `WorkerLostError`.
   * @default 'at-least-once'
   */
  delivery?: 'at-least-once' | 'at-most-once';
  /**
   * How many times it may kill the process that it runs in before it fails with `WorkerLostError`.
   * @default 3
   */
  maxCrashes?: number;
  /** Where its code runs. @default the worker's pool */
  pool?: PoolKind;
  /** What it does beside its work, when it starts and when it has ended. */
  hooks?: TaskHooks<R>;
}

/** Schemas of a task's arguments: one for the whole list, or one for each argument. */
export type ArgumentSchemas = StandardSchema | readonly StandardSchema[];

/**
 * What a task may say of itself. With `every`, `cron` or `schedule` it is a periodic task, which
 * `dtask beat` sends without arguments.
 *
 * @typeParam A the arguments of the task, which its key functions get
 * @typeParam R what it gives, which its hooks get
 */
// oxlint-disable-next-line typescript/no-explicit-any -- a decorator does not know them
export interface TaskOptions<A extends readonly unknown[] = any[], R = any>
  extends PlainTaskOptions<A, R>, Pick<PeriodicOptions, TickOptions> {
  /**
   * Schema of the arguments: one for the whole list, or one for each. The task gets what they
   * parse to.
   */
  args?: ArgumentSchemas;
  /** Schema of the result: the caller gets what it parses to. */
  returns?: StandardSchema;
  /** Store and push no result: `get()` gives `undefined` at once. @default false */
  ignoreResult?: boolean;
  /**
   * Whether calls that are made at about the same time go to Redis in one message; or, with `gather`,
   * how many of them the function gets at a time, as `BatchCall`s. Each is still a task of its own in
   * all that can be seen of it.
   * @default false
   */
  batch?: boolean | BatchOptions;
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
  'timeLimit',
  'softTimeLimit',
  'unique',
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
  'rateLimit',
  'rateLimitKey',
  'rateLimitScope',
  'maxConcurrency',
  'concurrencyKey',
  'delivery',
  'maxCrashes',
  'pool',
  'batch',
  'hooks',
  ...periodicKeys,
] as const satisfies readonly (keyof TaskOptions)[];
