/** What a task throws to steer its own end: `Retry`, `Ignore`, `Reject`. */
import type { Duration } from './duration.js';
import { DtaskError } from './errors.js';

/** How a `Retry` differs from the task's own retry settings. */
export interface RetryRequest {
  /** Wait before the next run. @default what the task's retry settings give */
  countdown?: Duration;
  /** When to run next, in place of `countdown`. */
  eta?: Date;
  /** Other arguments for the next run. @default the same */
  args?: readonly unknown[];
  /** How many retries are allowed, in place of the task's. `null` means no limit. */
  maxRetries?: number | null;
  /** What went wrong: the caller gets it when no retry is left. */
  error?: unknown;
}

/**
 * Thrown in a task to have it run again, whatever `retryFor` says.
 *
 * When no retry is left the task fails with `error`, or with `MaxRetriesExceededError`.
 *
 * @example
 * ```ts
 * if (response.status === 429) throw new Retry({ countdown: '30s' });
 * ```
 */
export class Retry extends DtaskError {
  static override readonly name: string = 'Retry';
  static override readonly code = 'RETRY';
  readonly request: RetryRequest;

  constructor(request: RetryRequest = {}) {
    super('the task asked to be retried', { cause: request.error });
    this.request = request;
  }
}

/**
 * Thrown in a task to end it without a result: its state is `IGNORED`, and `get()` gives
 * `undefined`. (In Celery `get()` would wait for ever.)
 */
export class Ignore extends DtaskError {
  static override readonly name: string = 'Ignore';
  static override readonly code = 'IGNORE';

  constructor(reason = 'the task asked to be ignored') {
    super(reason);
  }
}

/**
 * Thrown in a task to refuse its message: the task fails with this error, without a retry, and is
 * kept with the failed ones. With `requeue: true` the message goes back to its queue at once.
 */
export class Reject extends DtaskError {
  static override readonly name: string = 'Reject';
  static override readonly code = 'REJECT';
  readonly requeue: boolean;

  constructor(reason = 'the task rejected its message', options: { requeue?: boolean } = {}) {
    super(reason);
    this.requeue = options.requeue ?? false;
  }
}

/** The failure of a task that asked for one retry more than it has. */
export class MaxRetriesExceededError extends DtaskError {
  static override readonly name: string = 'MaxRetriesExceededError';
  static override readonly code = 'MAX_RETRIES_EXCEEDED';
}
