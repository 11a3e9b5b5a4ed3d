/** The values of options, as they were typed. */
import { ConfigError, type Duration } from '@dtask/core';
import { toMilliseconds } from '@dtask/core/internal';

/** @throws ConfigError when it is no whole number, or 0 */
export function countOf(text: string, option: string): number {
  if (/^\d+$/.test(text) && Number(text) > 0) return Number(text);
  throw new ConfigError(`${option} must be a whole number of at least 1, got ${text}`);
}

/**
 * A point in time, by a date or by how long ago it was.
 *
 * @param words what may stand there as well
 * @throws ConfigError when it is neither
 */
export function pointOf(text: string, option: string, words = ''): Date | Duration {
  const date = new Date(text);
  if (/^\d{4}-/.test(text) && !Number.isNaN(date.getTime())) return date;
  try {
    toMilliseconds(text as Duration, option);
    return text as Duration;
  } catch (cause) {
    throw new ConfigError(
      `${option} must be ${words}a time ago such as 2h, or an ISO date, got ${text}`,
      { cause },
    );
  }
}
