/** Cron strings: `cron('0 9 * * mon-fri')`. */
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import { CronClock } from './cron-clock.js';
import type { Schedule, ScheduleJson, Surroundings, ZoneOptions } from './schedule.js';
import { zoneOf } from './zone.js';

/**
 * Ticks by a cron string, as crontab(5) has it, with a field of seconds first if there are six.
 *
 * Fields: (second) minute hour dayOfMonth month dayOfWeek, and a year as the seventh. Sunday is 0 or
 * 7; names are `jan` and `mon`; `L` is the last day or weekday of the month (`5L`), `15W` the weekday
 * nearest to the 15th, `mon#2` the second Monday. `@hourly`, `@daily`, `@weekly`, `@monthly` and
 * `@yearly` are understood.
 *
 * Where day of month **and** day of week are restricted it is enough that **one** of them matches,
 * as cron has it. In `crontab`, as in Celery, both have to.
 *
 * @param line the cron string
 * @param options the time zone
 * @throws ConfigError when the string or the zone is not usable, or no date fits
 * @example
 * ```ts
 * cron('0 9 * * mon-fri', { timezone: 'Europe/Paris' });
 * cron('0-59/10 * * * * *'); // every ten seconds
 * ```
 */
export function cron(line: string, options: ZoneOptions = {}): Schedule {
  refuseUnknown({ ...options }, ['timezone'], 'cron');
  const { timezone } = options;
  if (typeof line !== 'string') throw notCron(line, 'it must be a text');
  const zone = timezone === undefined ? undefined : zoneOf(timezone);
  return new CronString(line.trim().replaceAll(/\s+/g, ' '), zone);
}

/** A cron string in a zone. */
class CronString implements Schedule {
  readonly #line: string;
  readonly #timezone: string | undefined;
  readonly #clock: CronClock;

  constructor(line: string, timezone: string | undefined) {
    this.#line = line;
    this.#timezone = timezone;
    this.#clock = clockOf(line, timezone ?? 'UTC');
    Object.freeze(this);
  }

  next(after: Date): Date | undefined {
    return this.#clock.next(after);
  }

  settle({ timezone }: Surroundings): Schedule {
    if (this.#timezone !== undefined || timezone === undefined) return this;
    return new CronString(this.#line, zoneOf(timezone));
  }

  toJSON(): ScheduleJson {
    const zone = this.#timezone === undefined ? {} : { timezone: this.#timezone };
    return { v: 1, kind: 'cron', cron: this.#line, ...zone };
  }

  toString(): string {
    return `cron ${this.#line}${this.#timezone === undefined ? '' : ` (${this.#timezone})`}`;
  }
}

function clockOf(line: string, zone: string): CronClock {
  // croner would take a date for a pattern that ticks once.
  if (line.includes(':')) throw notCron(line, 'it has a colon; for a single date there is once');
  if (/^@reboot$/i.test(line)) throw notCron(line, 'a start is not a time');
  const clock = read(line, zone);
  if (mayNeverTick(line) && !clock.ticks()) throw notCron(line, 'no date fits it');
  return clock;
}

/** Only a day together with a month, or a year, can be one that no calendar has. */
function mayNeverTick(line: string): boolean {
  const parts = line.split(' ');
  const [day, month] = parts.slice(parts.length === 5 ? 2 : 3);
  return parts.length === 7 || (day !== '*' && month !== '*');
}

function read(line: string, zone: string): CronClock {
  try {
    return new CronClock({ line, zone, both: false });
  } catch (error) {
    const why =
      error instanceof Error ? error.message.replaceAll(/^CronPattern: |\.$/g, '') : show(error);
    throw notCron(line, why, error);
  }
}

function notCron(line: unknown, why: string, cause?: unknown): ConfigError {
  return new ConfigError(
    `${show(line)} is not a cron string: ${why}. It has the form 'minute hour dayOfMonth month dayOfWeek', with seconds ahead if there are six`,
    { cause },
  );
}
