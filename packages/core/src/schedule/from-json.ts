/** Reads schedules that were stored as data. */
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import { cron } from './cron.js';
import { crontab } from './crontab.js';
import { every } from './every.js';
import { once } from './once.js';
import type { Schedule, ScheduleJson } from './schedule.js';
import { solar } from './solar.js';

type Reader<Kind extends ScheduleJson['kind']> = (
  json: Omit<Extract<ScheduleJson, { kind: Kind }>, 'v' | 'kind'>,
) => Schedule;

const readers: { readonly [Kind in ScheduleJson['kind']]: Reader<Kind> } = {
  every: ({ every: period, anchor, ...rest }) =>
    every(period, { ...rest, ...(anchor !== undefined && { anchor: dateFrom(anchor) }) }),
  crontab: ({ timezone, ...fields }) => crontab(fields, zone(timezone)),
  cron: ({ cron: line, timezone, ...rest }) => {
    refuseUnknown(rest, ['cron', 'timezone'], 'cron');
    return cron(line, zone(timezone));
  },
  solar: ({ event, ...place }) => solar(event, place),
  once: ({ at, ...rest }) => {
    refuseUnknown(rest, ['at'], 'once');
    return once(dateFrom(at));
  },
};

/**
 * Reads what `JSON.stringify(schedule)` wrote; its ticks are those of the first.
 *
 * @param json the parsed JSON
 * @throws ConfigError when it is not a schedule, or one of a version that this dtask does not know
 * @example
 * ```ts
 * const stored = JSON.stringify(every('5m'));
 * scheduleFromJson(JSON.parse(stored)).toString(); // 'every 5m'
 * ```
 */
export function scheduleFromJson(json: ScheduleJson): Schedule {
  if (typeof json !== 'object' || json === null || !('v' in json) || !('kind' in json))
    throw new ConfigError(
      `a stored schedule is an object such as { v: 1, kind: 'cron', cron: '0 9 * * *' }, got ${show(json)}`,
    );
  const { v, kind, ...rest } = json;
  if (v !== 1)
    throw new ConfigError(
      `a stored schedule is of version ${show(v)}, and this dtask reads version 1: update dtask, or store the schedule again`,
    );
  if (typeof kind !== 'string' || !Object.hasOwn(readers, kind))
    throw new ConfigError(
      `a stored schedule is of kind ${show(kind)}; there are ${Object.keys(readers).join(', ')}`,
    );
  return (readers[kind] as unknown as (rest: unknown) => Schedule)(rest);
}

function zone(timezone: string | undefined): { timezone?: string } {
  return timezone === undefined ? {} : { timezone };
}

function dateFrom(text: unknown): Date {
  const date = typeof text === 'string' ? new Date(text) : undefined;
  if (date && !Number.isNaN(date.getTime())) return date;
  throw new ConfigError(
    `a stored schedule needs a date such as '2027-01-01T00:00:00.000Z', got ${show(text)}`,
  );
}
