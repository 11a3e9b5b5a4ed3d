/** The values of options, as they were typed. */
import { ConfigError, type Duration } from '@dtask/core';
import { isDateLike, parseMoment, toMilliseconds } from '@dtask/core/internal';

/** @throws ConfigError when it is no whole number, or 0 */
export function countOf(text: string, option: string): number {
  if (/^\d+$/.test(text) && Number(text) > 0) return Number(text);
  throw new ConfigError(`${option} must be a whole number of at least 1, got ${text}`);
}

/**
 * A point in time in the past, by a date or by how long ago it was.
 *
 * @param zone of the App: that of dates that name none
 * @param words what may stand there as well
 * @throws ConfigError when it is neither, or has not come yet
 */
export function pointOf(text: string, option: string, zone: string, words = ''): Date | Duration {
  if (isDuration(text)) return text;
  const date = parseMoment(text, option, zone, `${words}a time ago such as 2h`);
  if (date.getTime() <= Date.now()) return date;
  throw new ConfigError(
    `${option} must be in the past, got ${text}, which is ${date.toISOString()}; it is ${now()}`,
  );
}

/**
 * A date that is still to come.
 *
 * @param zone as above
 * @param also what may stand there as well, for the error
 * @throws ConfigError when it is none, or past
 */
export function futureOf(text: string, option: string, zone: string, also = ''): Date {
  const date = parseMoment(text, option, zone, also);
  if (date.getTime() > Date.now()) return date;
  throw new ConfigError(
    `${option} must not be past, got ${text}, which is ${date.toISOString()}; it is ${now()}`,
  );
}

/**
 * When a task is no longer wanted: in how long, or at a date that is still to come.
 *
 * @param zone as above
 * @throws ConfigError when it is neither
 */
export function expiryOf(text: string, zone: string): Date | Duration {
  // What is wrong with a duration is said where it is used.
  if (isDuration(text) || /^\s*-?[\d.]+\s*$/.test(text)) return text as Duration;
  return futureOf(text, '--expires', zone, 'a time such as 1h');
}

function isDuration(text: string): text is Extract<Duration, string> {
  if (isDateLike(text)) return false;
  try {
    toMilliseconds(text as Duration, '');
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

const now = (): string => new Date().toISOString();
