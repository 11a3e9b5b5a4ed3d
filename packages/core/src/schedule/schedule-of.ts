/** The schedule that an entry's options stand for. */
import { show } from '../config/setting.js';
import type { Duration } from '../duration.js';
import { ConfigError } from '../errors.js';
import { cron } from './cron.js';
import { every } from './every.js';
import { isSchedule, type Schedule } from './schedule.js';

/** How an entry says when: one of `every`, `cron` and `schedule`. */
export interface WhenOptions {
  /** A fixed rate: milliseconds, or a string such as `'5m'`. */
  every?: Duration;
  /** A cron string, such as `'0 9 * * mon-fri'`. */
  cron?: string;
  /** A schedule: `crontab(...)`, `solar(...)`, `once(...)` and the like. */
  schedule?: Schedule;
  /** With `every`: tick at multiples of the period. @default false */
  align?: boolean;
  /** With `cron`: an IANA time zone. @default the app's, which is `'UTC'` */
  timezone?: string;
}

/** The keys of `WhenOptions`. */
export const whenKeys = [
  'every',
  'cron',
  'schedule',
  'align',
  'timezone',
] as const satisfies readonly (keyof WhenOptions)[];

/**
 * Makes the schedule of an entry.
 *
 * @throws ConfigError when none or several of them are given, or an option does not go with it
 */
export function scheduleOf(options: WhenOptions): Schedule {
  const { every: period, cron: line, schedule, align, timezone } = options;
  const given = (['every', 'cron', 'schedule'] as const).filter(
    (key) => options[key] !== undefined,
  );
  if (given.length !== 1)
    throw new ConfigError(
      `an entry needs one of every, cron and schedule, got ${given.length === 0 ? 'none' : given.join(' and ')}`,
    );
  if (align !== undefined && period === undefined)
    throw new ConfigError(`align goes with every, not with ${given[0]}`);
  if (timezone !== undefined && line === undefined)
    throw new ConfigError(
      period === undefined
        ? 'timezone goes with cron; give crontab its own: crontab({ hour: 9 }, { timezone })'
        : "timezone goes with cron, not with every, which counts time that passes; for a time of day take cron: '0 9 * * *'",
    );
  if (period !== undefined) return every(period, align === undefined ? {} : { align });
  if (line !== undefined) return cron(line, timezone === undefined ? {} : { timezone });
  if (isSchedule(schedule)) return schedule;
  throw new ConfigError(
    `schedule must be a schedule, such as crontab({ hour: 9 }) or schedule(fn), got ${show(schedule)}`,
  );
}
