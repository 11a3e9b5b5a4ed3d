/** Which failed tasks are meant: by queue, task, time and error. */
import { refuseUnknown } from '../../config/resolve.js';
import { show } from '../../config/setting.js';
import { type Duration, toMilliseconds } from '../../duration.js';
import { ConfigError } from '../../errors.js';
import { fitsGlob } from '../../glob.js';

/** Picks failed tasks; what is not given does not matter. */
export interface FailedFilter {
  /** The queue in which it failed. @default every queue */
  queue?: string;
  /** Name of the task, or a glob such as `'image.*'`: `*` is any text, `?` any character. */
  task?: string;
  /** Failed then or later: a `Date`, or how long ago, such as `'2h'`. */
  since?: Date | Duration;
  /** Failed then or earlier: a `Date`, or how long ago. */
  until?: Date | Duration;
  /** A part of the error's name or message, in upper or lower case. */
  error?: string;
  /** At most this many, the newest. */
  limit?: number;
}

/** A filter, checked. */
export interface Criteria {
  readonly queue: string | undefined;
  /** Milliseconds since 1970, or Redis' word for any. */
  readonly oldest: number | '-inf';
  readonly newest: number | '+inf';
  readonly limit: number;
  /** Judges by the task's name and the reason why it failed; absent where any will do. */
  readonly fits?: (task: string, reason: string) => boolean;
}

const keys = ['queue', 'task', 'since', 'until', 'error', 'limit'] as const;

/**
 * Checks a filter.
 *
 * @param now what a time ago starts from, in milliseconds since 1970
 * @throws ConfigError when a key is unknown or a value of the wrong kind
 */
export function checkFilter(filter: FailedFilter, now: number): Criteria {
  if (typeof filter !== 'object' || filter === null)
    throw new ConfigError(
      `failed tasks are picked by an id or a filter such as { task: 'image.*' }, got ${show(filter)}; {} is all of them`,
    );
  refuseUnknown({ ...filter }, keys, 'a filter of failed tasks');
  const { since, until, limit = Number.POSITIVE_INFINITY } = filter;
  if (limit !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(limit) && limit >= 0))
    throw new ConfigError(`limit must be a whole number of at least 0, got ${show(limit)}`);
  const [queue, task, error] = [
    text(filter.queue, 'queue'),
    text(filter.task, 'task'),
    text(filter.error, 'error')?.toLowerCase(),
  ];
  const oldest = since === undefined ? '-inf' : point(since, 'since', now);
  const newest = until === undefined ? '+inf' : point(until, 'until', now);
  if (Number(oldest) > Number(newest))
    throw new ConfigError(
      `since must not be later than until, got ${show(since)} and ${show(until)}`,
    );
  return {
    queue,
    oldest,
    newest,
    limit,
    ...((task ?? error) !== undefined && {
      fits: (failed, reason) =>
        (task === undefined || fitsGlob(task, failed)) &&
        reason.toLowerCase().includes(error ?? ''),
    }),
  };
}

function text(value: unknown, what: string): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw new ConfigError(`${what} must be a string that is not empty, got ${show(value)}`);
}

function point(value: Date | Duration, what: string, now: number): number {
  if (!(value instanceof Date)) return now - toMilliseconds(value, what);
  if (!Number.isNaN(value.getTime())) return value.getTime();
  throw new ConfigError(`${what} is a Date that is not a point in time`);
}
