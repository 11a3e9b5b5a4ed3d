/** Celery's crontab: five fields which all have to match. */
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import { CronClock } from './cron-clock.js';
import { type CrontabFields, crontabFields, fieldText, fieldValues } from './crontab-field.js';
import type { Schedule, ScheduleJson, Surroundings, ZoneOptions } from './schedule.js';
import { zoneOf } from './zone.js';

type Texts = Readonly<Record<keyof CrontabFields, string>>;

const fields = Object.keys(crontabFields) as (keyof CrontabFields)[];

/**
 * Ticks where all five fields match, as Celery's `crontab` does; `crontab()` is every minute.
 *
 * A field is a number, a list, or a text of numbers, names, ranges (`'22-4'` goes on over midnight),
 * steps (`'8-18/2'`) and commas. Day of month **and** day of week have to match:
 * `{ dayOfMonth: '1-7', dayOfWeek: 'mon' }` is the first Monday of each month. In a `cron` string it
 * is enough that one of the two does.
 *
 * @param values the fields; what is left out is `'*'`
 * @param options the time zone
 * @throws ConfigError when a field or the zone is not usable, or no date fits
 * @example
 * ```ts
 * crontab({ minute: 30, hour: 7, dayOfWeek: 'mon-fri' }, { timezone: 'Europe/Paris' });
 * crontab.fromString('30 7 * * mon-fri');
 * ```
 */
export function crontab(values: CrontabFields = {}, options: ZoneOptions = {}): Schedule {
  if (typeof values !== 'object' || values === null)
    throw new ConfigError(
      `crontab takes its fields by name, such as { hour: 9 }, got ${show(values)}; for a text there is crontab.fromString`,
    );
  refuseUnknown({ ...values }, fields, 'crontab');
  refuseUnknown({ ...options }, ['timezone'], 'crontab');
  const { timezone } = options;
  const texts = fields.map((field) => [field, fieldText(values[field] ?? '*', field)]);
  return new Crontab(
    Object.freeze(Object.fromEntries(texts)) as Texts,
    timezone === undefined ? undefined : zoneOf(timezone),
  );
}

/**
 * Reads a line of five fields: minute, hour, day of month, month, day of week. All of them have to
 * match, as in Celery's `crontab.from_string`.
 *
 * @param line five fields parted by spaces
 * @param options the time zone
 * @throws ConfigError when there are not five fields, or one is not usable
 * @example
 * ```ts
 * crontab.fromString('0 0 1-7 * mon', { timezone: 'America/New_York' }); // first Monday of the month
 * ```
 */
crontab.fromString = function fromString(line: string, options: ZoneOptions = {}): Schedule {
  const parts = typeof line === 'string' ? line.trim().split(/\s+/) : [];
  if (parts.length === fields.length)
    return crontab(
      Object.fromEntries(fields.map((field, index) => [field, parts[index]])),
      options,
    );
  throw new ConfigError(
    `crontab.fromString takes five fields, 'minute hour dayOfMonth monthOfYear dayOfWeek', got ${show(line)}; for seconds there is cron`,
  );
};

/** A crontab as Celery means it. */
class Crontab implements Schedule {
  readonly #texts: Texts;
  readonly #timezone: string | undefined;
  readonly #clock: CronClock;

  constructor(texts: Texts, timezone: string | undefined) {
    this.#texts = texts;
    this.#timezone = timezone;
    this.#clock = new CronClock({
      line: patternOf(texts),
      zone: timezone ?? 'UTC',
      both: true,
    });
    if (texts.dayOfMonth !== '*' && texts.monthOfYear !== '*' && !this.#clock.ticks())
      throw new ConfigError(`${String(this)} never comes: no such month has that day`);
    Object.freeze(this);
  }

  next(after: Date): Date | undefined {
    return this.#clock.next(after);
  }

  settle({ timezone }: Surroundings): Schedule {
    if (this.#timezone !== undefined || timezone === undefined) return this;
    return new Crontab(this.#texts, zoneOf(timezone));
  }

  toJSON(): ScheduleJson {
    const zone = this.#timezone === undefined ? {} : { timezone: this.#timezone };
    return { v: 1, kind: 'crontab', ...this.#texts, ...zone };
  }

  toString(): string {
    const line = fields.map((field) => this.#texts[field].replaceAll(' ', '')).join(' ');
    return `crontab ${line}${this.#timezone === undefined ? '' : ` (${this.#timezone})`}`;
  }
}

/** The fields as croner reads them: lists, since it knows no ranges that wrap. */
function patternOf(texts: Texts): string {
  return fields
    .map((field) => {
      const text = texts[field];
      const values = fieldValues(text, field);
      if (text === '*') return '*';
      const list = values.join(',');
      // A step or a star goes on when clocks change, plain numbers do not: `/1` keeps the difference.
      return /[*/]/.test(text) ? `${values[0]}-${list.replace(/^\d+/, '$&/1')}` : list;
    })
    .join(' ');
}
