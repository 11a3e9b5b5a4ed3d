/** Points in time, for people. */
import { formatMilliseconds } from '@dtask/core/internal';

/** A point in time, in this machine's zone. */
export function clock(date: Date): string {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}

/** How long ago it was. */
export function ago(date: Date): string {
  const past = Date.now() - date.getTime();
  return past < 1_000 ? 'just now' : `${span(past)} ago`;
}

/** In how long it comes. */
export function ahead(date: Date): string {
  const left = date.getTime() - Date.now();
  return left < 1_000 ? 'now' : `in ${span(left)}`;
}

function span(milliseconds: number): string {
  const hours = milliseconds / 3_600_000;
  if (hours < 1) return formatMilliseconds(Math.floor(milliseconds / 1_000) * 1_000);
  return hours < 48 ? `${Math.floor(hours)}h` : `${Math.floor(hours / 24)}d`;
}

/** This machine's time zone. */
export const machineZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/**
 * A point in time on the wall clock of a zone, with the offset: `2026-11-23T09:00:00+01:00`.
 *
 * @param zone an IANA time zone
 */
export function wallClock(date: Date, zone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'longOffset',
  }).formatToParts(date);
  const part = (type: Intl.DateTimeFormatPartTypes): string =>
    parts.find((each) => each.type === type)?.value ?? '';
  const offset = part('timeZoneName').replace('GMT', '') || '+00:00';
  const day = `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`;
  return `${day}T${part('hour')}:${part('minute')}:${part('second')}${offset}`;
}
