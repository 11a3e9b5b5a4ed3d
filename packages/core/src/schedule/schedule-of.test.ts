/** Schedules of entries, stored ones, single dates and functions. */
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../errors.js';
import { crontab } from './crontab.js';
import { schedule } from './custom.js';
import { every } from './every.js';
import { scheduleFromJson } from './from-json.js';
import { once } from './once.js';
import type { ScheduleJson } from './schedule.js';
import { scheduleOf, type WhenOptions } from './schedule-of.js';

const noon = new Date('2027-01-01T12:00:00Z');
const before = new Date('2027-01-01T11:59:59.999Z');

describe("an entry's options", () => {
  test.each<[WhenOptions, string]>([
    [{ every: '5m' }, 'every 5m'],
    [{ every: '1h', align: true }, 'every 1h, aligned'],
    [{ cron: '@daily' }, 'cron @daily'],
    [{ cron: '0 9 * * *', timezone: 'Asia/Tokyo' }, 'cron 0 9 * * * (Asia/Tokyo)'],
    [{ schedule: crontab({ hour: 9, minute: 0 }) }, 'crontab 0 9 * * *'],
    [{ schedule: once(noon) }, 'once at 2027-01-01T12:00:00.000Z'],
  ])('%j are %s', (options, expected) => {
    expect(String(scheduleOf(options))).toBe(expected);
  });

  test.each<[unknown, string]>([
    [{}, 'an entry needs one of every, cron and schedule, got none'],
    [
      { every: '5m', cron: '@daily' },
      'an entry needs one of every, cron and schedule, got every and cron',
    ],
    [{ cron: '@daily', align: true }, 'align goes with every, not with cron'],
    [
      { every: '1d', timezone: 'UTC' },
      "timezone goes with cron, not with every, which counts time that passes; for a time of day take cron: '0 9 * * *'",
    ],
    [
      { schedule: every('5m'), timezone: 'UTC' },
      'timezone goes with cron; give crontab its own: crontab({ hour: 9 }, { timezone })',
    ],
    [
      { schedule: 30 },
      'schedule must be a schedule, such as crontab({ hour: 9 }) or schedule(fn), got 30',
    ],
    [
      { schedule: '5m' },
      'schedule must be a schedule, such as crontab({ hour: 9 }) or schedule(fn), got "5m"',
    ],
  ])('%j are refused', (options, message) => {
    expect(() => scheduleOf(options as WhenOptions)).toThrow(new ConfigError(message));
  });
});

describe('a single date', () => {
  test('ticks once', () => {
    expect(once(noon).next(before)).toEqual(noon);
    expect(once(noon).next(noon)).toBeUndefined();
    expect(scheduleFromJson(once(noon).toJSON()).next(before)).toEqual(noon);
  });

  test('has to be a date', () => {
    expect(() => once('2027-01-01' as unknown as Date)).toThrow(
      new ConfigError('once must be a Date, got "2027-01-01"'),
    );
  });
});

describe('a schedule that is a function', () => {
  test('ticks when it says so', () => {
    const dates = [noon, new Date('2027-03-01T00:00:00Z')];
    const custom = schedule((after) => dates.find((date) => date > after), { name: 'full moon' });
    expect(custom.next(before)).toEqual(noon);
    expect(custom.next(noon)).toEqual(dates[1]);
    expect(custom.next(dates[1]!)).toBeUndefined();
    expect(String(custom)).toBe('schedule full moon');
  });

  test('is named after its function', () => {
    expect(
      String(
        schedule(function never() {
          return undefined;
        }),
      ),
    ).toBe('schedule never');
    expect(String(schedule(() => undefined))).toBe('schedule custom');
  });

  test('cannot be stored', () => {
    expect(() => JSON.stringify(schedule(() => undefined, { name: 'moon' }))).toThrow(
      new ConfigError(
        'schedule "moon" is a function, which cannot be stored: name it in the code, or add a cron, crontab, every, solar or once at run time',
      ),
    );
  });

  test.each<[unknown, string]>([
    [5, 'the next tick of schedule "moon" must be a Date, got 5'],
    [null, 'the next tick of schedule "moon" must be a Date, got null'],
    [
      new Date('never'),
      'the next tick of schedule "moon" must be a valid Date, got an invalid one',
    ],
    [
      noon,
      'the next tick of schedule "moon" must be later than the instant it is asked for, 2027-01-01T12:00:00.000Z, got 2027-01-01T12:00:00.000Z; give undefined when there is none',
    ],
  ])('and gives %j is told what is wrong with it', (value, message) => {
    const custom = schedule(() => value as Date, { name: 'moon' });
    expect(() => custom.next(noon)).toThrow(new ConfigError(message));
  });

  test('cannot change the instant that it is asked for', () => {
    const custom = schedule((after) => {
      after.setTime(0);
      return undefined;
    });
    const asked = new Date(noon);
    custom.next(asked);
    expect(asked).toEqual(noon);
  });

  test('has to be one', () => {
    expect(() => schedule(30 as never)).toThrow(/schedule takes a function .*, got 30; for fixed/);
    expect(() => schedule(() => undefined, { name: '' })).toThrow(
      'name must be a text that is not empty, got ""',
    );
  });
});

test.each<[unknown, RegExp]>([
  [undefined, /a stored schedule is an object such as .*, got undefined/],
  ['every 5m', /a stored schedule is an object such as .*, got "every 5m"/],
  [{ kind: 'every', every: 5_000 }, /a stored schedule is an object/],
  [
    { v: 2, kind: 'every', every: 5_000 },
    /is of version 2, and this dtask reads version 1: update dtask/,
  ],
  [{ v: 1, kind: 'lunar' }, /is of kind "lunar"; there are every, crontab, cron, solar, once/],
  [{ v: 1, kind: 'toString' }, /is of kind "toString"/],
  [{ v: 1, kind: 'every' }, /every must be a number of milliseconds/],
  [{ v: 1, kind: 'every', every: 5_000, speed: 2 }, /every has no option "speed"/],
  [{ v: 1, kind: 'every', every: 5_000, anchor: 'x' }, /a stored schedule needs a date .* got "x"/],
  [{ v: 1, kind: 'cron', cron: 'x' }, /"x" is not a cron string/],
  [{ v: 1, kind: 'cron', cron: '@daily', second: 1 }, /cron has no option "second"/],
  [{ v: 1, kind: 'crontab', minute: '99' }, /minute "99": it goes from 0 to 59/],
  [{ v: 1, kind: 'solar', event: 'sunset' }, /latitude must be a number/],
  [{ v: 1, kind: 'once', at: 5 }, /a stored schedule needs a date .* got 5/],
])('a stored schedule %j is refused', (json, message) => {
  const attempt = () => scheduleFromJson(json as ScheduleJson);
  expect(attempt).toThrow(ConfigError);
  expect(attempt).toThrow(message);
});
