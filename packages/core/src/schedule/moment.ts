/** Points in time as people write them. */
import { CronDate } from 'croner';
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import { isUniversal } from './zone.js';

/** A date, maybe a time, maybe what that is ahead of UTC. */
const form =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;

/** Whether a text begins as a date does: then it is meant to be one. */
export const isDateLike = (text: string): boolean => /^\s*\d{4}-/.test(text);

/**
 * Reads a date: `2027-01-31`, `2027-01-31T09:00`, `2027-01-31 09:00:30`, with `Z` or `+01:00` behind it or
 * without. Without, it is what clocks show in the zone; a date alone is its midnight. A time that the zone
 * leaves out when clocks change is that much later, and of one that it has twice the first is meant.
 *
 * @param what names the option in the error
 * @param zone an IANA time zone
 * @param also what may be given in place of a date, for the error, such as `a time ago such as 2h`
 * @throws ConfigError which says what was got and what is accepted
 */
export function parseMoment(text: string, what: string, zone: string, also = ''): Date {
  const found = form.exec(text.trim());
  const date = found && momentOf(found, zone);
  if (date) return date;
  throw new ConfigError(
    `${what} must be ${also === '' ? '' : `${also}, or `}a date such as 2027-01-31, 2027-01-31T09:00 (both in the time zone of the app, ${zone}) or 2027-01-31T09:00:00Z, got ${show(text)}`,
  );
}

function momentOf(found: RegExpExecArray, zone: string): Date | undefined {
  const [, year, month, day, hour = '00', minute = '00', second = '00', part = '', offset] = found;
  const wall = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const utc = new Date(`${wall}Z`);
  // A day that no calendar has becomes another one, and an hour that no clock shows no date at all.
  if (Number.isNaN(utc.getTime()) || !utc.toISOString().startsWith(wall)) return undefined;
  const milliseconds = Number(part.padEnd(3, '0').slice(0, 3));
  const whole = wholeSeconds(wall, utc, zone, offset);
  return whole === undefined ? undefined : new Date(whole + milliseconds);
}

function wholeSeconds(
  wall: string,
  utc: Date,
  zone: string,
  offset: string | undefined,
): number | undefined {
  if (offset !== undefined) {
    const [, sign, hours = 0, minutes = 0] = /^([+-])(\d\d):?(\d\d)?$/.exec(offset) ?? [];
    if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
    const ahead = (Number(hours) * 60 + Number(minutes)) * 60_000;
    return utc.getTime() - (sign === '-' ? -ahead : ahead);
  }
  return isUniversal(zone) ? utc.getTime() : new CronDate(wall, zone).getTime();
}
