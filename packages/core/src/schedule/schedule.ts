/** When something is to happen, as a value: no timers, no Redis. */
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import type { CrontabFields } from './crontab-field.js';
import type { SolarEvent } from './solar-event.js';

/**
 * Says when: made by `every`, `crontab`, `cron`, `solar`, `once` and `schedule`.
 *
 * It is frozen and pure: the same instant always gets the same answer, in every process.
 *
 * @example
 * ```ts
 * const workdays = cron('0 9 * * mon-fri', { timezone: 'Europe/Paris' });
 * workdays.next(new Date('2026-11-20T12:00:00Z')); // Monday 2026-11-23T08:00:00.000Z
 * ```
 */
export interface Schedule {
  /**
   * The first tick strictly after an instant; ticks are whole milliseconds.
   *
   * @param after any instant
   * @returns the tick, or `undefined` when there is none
   * @throws ConfigError when `after` is not a valid Date
   */
  next(after: Date): Date | undefined;
  /**
   * The schedule as plain data; `scheduleFromJson` reads it.
   *
   * @throws ConfigError for a schedule that is a function
   */
  toJSON(): ScheduleJson;
  /** The schedule for a person: `every 5m`, `crontab 0 9 * * mon-fri (Europe/Paris)`. */
  toString(): string;
}

/** A schedule as data, of the first version of this form. Instants are ISO 8601 texts. */
export type ScheduleJson =
  | {
      readonly v: 1;
      readonly kind: 'every';
      /** In milliseconds. */
      readonly every: number;
      readonly align?: true;
      readonly anchor?: string;
      /** In milliseconds. */
      readonly offset?: number;
    }
  | ({ readonly v: 1; readonly kind: 'crontab'; readonly timezone?: string } & Readonly<
      Record<keyof CrontabFields, string>
    >)
  | {
      readonly v: 1;
      readonly kind: 'cron';
      readonly cron: string;
      readonly timezone?: string;
    }
  | {
      readonly v: 1;
      readonly kind: 'solar';
      readonly event: SolarEvent;
      readonly latitude: number;
      readonly longitude: number;
    }
  | { readonly v: 1; readonly kind: 'once'; readonly at: string };

/** Options of schedules that go by the clock on the wall. */
export interface ZoneOptions {
  /** An IANA time zone, such as `'Europe/Paris'`. @default the app's, which is `'UTC'` */
  timezone?: string;
}

/** What an entry knows and its schedule may have left open. */
export interface Surroundings {
  /** When the entry was first seen: a fixed rate first ticks one period later. */
  readonly anchor?: Date;
  /** The first instant that may be a tick: a fixed rate has one then. */
  readonly start?: Date;
  /** The time zone of the app. */
  readonly timezone?: string;
}

/** A schedule that can be completed. */
interface Settling extends Schedule {
  settle(surroundings: Surroundings): Schedule;
}

/** Fills in what a schedule left open; what it says itself stays. */
export function settle(schedule: Schedule, surroundings: Surroundings): Schedule {
  return 'settle' in schedule ? (schedule as Settling).settle(surroundings) : schedule;
}

/** Whether a value is a schedule. */
export function isSchedule(value: unknown): value is Schedule {
  if (typeof value !== 'object' || value === null) return false;
  const { next, toJSON } = value as Partial<Schedule>;
  return typeof next === 'function' && typeof toJSON === 'function';
}

/**
 * Gives an instant in milliseconds.
 *
 * @throws ConfigError when it is not a valid Date
 */
export function instant(value: unknown, what: string): number {
  if (value instanceof Date) {
    const milliseconds = value.getTime();
    if (!Number.isNaN(milliseconds)) return milliseconds;
    throw new ConfigError(`${what} must be a valid Date, got an invalid one`);
  }
  throw new ConfigError(`${what} must be a Date, got ${show(value)}`);
}

/** The farthest instants from the epoch that a Date can hold. */
const farthest = 8.64e15;

/** An instant as a Date; `undefined` where Dates end. */
export function dateOf(milliseconds: number): Date | undefined {
  return Math.abs(milliseconds) <= farthest ? new Date(milliseconds) : undefined;
}
