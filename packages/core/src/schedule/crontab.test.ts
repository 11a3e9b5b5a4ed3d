/** Celery's crontab: its fields, its own cases, and clocks that change. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../errors.js';
import { crontab } from './crontab.js';
import { type CrontabField, type CrontabFields, fieldText, fieldValues } from './crontab-field.js';
import { scheduleFromJson } from './from-json.js';
import { misfireRule, missed } from './misfire.js';
import { type Schedule, settle } from './schedule.js';
import { Timetable } from './timetable.js';

function utc(text: string): Date {
  return new Date(`${text.replace(' ', 'T')}Z`);
}

function ticks(schedule: Schedule, after: Date, count: number): Date[] {
  const found: Date[] = [];
  let last: Date | undefined = after;
  while (found.length < count && (last = schedule.next(last))) found.push(last);
  return found;
}

/** How a clock on the wall of a zone shows an instant, to the minute. */
function wallOf(zone: string): (date: Date) => string {
  const form = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'short',
  });
  return (date) => form.format(date);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

describe('a field', () => {
  test.each<[keyof CrontabFields, CrontabField, number[]]>([
    ['minute', '*', range(0, 59)],
    ['minute', 30, [30]],
    ['minute', '30', [30]],
    ['minute', [30, 40, 50], [30, 40, 50]],
    ['minute', [50, 30, 30], [30, 50]],
    ['minute', ['1', 2, '10-12'], [1, 2, 10, 11, 12]],
    ['minute', '*/15', [0, 15, 30, 45]],
    ['minute', '*/100', [0]],
    ['minute', '2-9/5', [2, 7]],
    ['minute', '2-11/5,3', [2, 3, 7]],
    ['minute', '2-4/3,*/20,0-21/10', [0, 2, 10, 20, 40]],
    ['minute', '1,13,30-33,50-59/2', [1, 13, 30, 31, 32, 33, 50, 52, 54, 56, 58]],
    ['minute', '55-5/3', [1, 4, 55, 58]],
    ['minute', '1, 2', [1, 2]],
    ['hour', '22-2', [0, 1, 2, 22, 23]],
    ['hour', '0,8-17/2', [0, 8, 10, 12, 14, 16]],
    ['hour', '2-1', range(0, 23)],
    ['dayOfMonth', '*/3', [1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31]],
    ['dayOfMonth', '*/15', [1, 16, 31]],
    ['dayOfMonth', '30-2', [1, 2, 30, 31]],
    ['monthOfYear', '*/2', [1, 3, 5, 7, 9, 11]],
    ['monthOfYear', '2-12/2', [2, 4, 6, 8, 10, 12]],
    ['monthOfYear', 'nov-feb', [1, 2, 11, 12]],
    ['monthOfYear', 'January,jun', [1, 6]],
    ['dayOfWeek', 'fri', [5]],
    ['dayOfWeek', 'tuesday,sunday,FRI', [0, 2, 5]],
    ['dayOfWeek', 'mon-fri', [1, 2, 3, 4, 5]],
    ['dayOfWeek', 'fri-mon', [0, 1, 5, 6]],
    ['dayOfWeek', '*/2', [0, 2, 4, 6]],
  ])('%s %j stands for %j', (field, value, expected) => {
    expect(fieldValues(fieldText(value, field), field)).toEqual(expected);
  });

  test.each<[CrontabFields, string]>([
    [{ minute: 60 }, 'crontab: minute "60": it goes from 0 to 59, got 60'],
    [{ minute: '0-100' }, 'crontab: minute "0-100": it goes from 0 to 59, got 100'],
    [{ hour: 24 }, 'crontab: hour "24": it goes from 0 to 23, got 24'],
    [{ dayOfMonth: 0 }, 'crontab: dayOfMonth "0": it goes from 1 to 31, got 0'],
    [{ dayOfMonth: '31,32' }, 'crontab: dayOfMonth "31,32": it goes from 1 to 31, got 32'],
    [{ monthOfYear: '0-5' }, 'crontab: monthOfYear "0-5": it goes from 1 to 12, got 0'],
    [{ dayOfWeek: 7 }, 'crontab: dayOfWeek "7": it goes from 0 to 6, got 7; Sunday is 0'],
    [
      { dayOfWeek: 'fooday-barday' },
      'crontab: dayOfWeek "fooday-barday": "fooday" is not a number or a name such as \'mon\'',
    ],
    [{ minute: 'mon' }, 'crontab: minute "mon": "mon" is not a number'],
    [{ minute: '' }, 'crontab: minute "": a part is empty'],
    [{ minute: [] }, 'crontab: minute "": a part is empty'],
    [{ minute: '1,,2' }, 'crontab: minute "1,,2": a part is empty'],
    [{ minute: '*/' }, 'crontab: minute "*/": a step must be a whole number of at least 1, got ""'],
    [
      { minute: '*/0' },
      'crontab: minute "*/0": a step must be a whole number of at least 1, got "0"',
    ],
    [
      { minute: '5/2' },
      "crontab: minute \"5/2\": a step goes with a range or '*', such as '5-59/2'",
    ],
    [{ minute: -20 }, 'crontab: minute "-20": "-20" is not a number, a range or \'*\''],
    [{ minute: 1.5 }, 'crontab: minute "1.5": "1.5" is not a number, a range or \'*\''],
    [
      { minute: true as unknown as number },
      "crontab: minute must be a number, a text such as '*/15' or a list of numbers, got true",
    ],
    [
      { day_of_week: 1 } as unknown as CrontabFields,
      'crontab has no option "day_of_week"; did you mean dayOfWeek?',
    ],
    [
      '0 9 * * *' as unknown as CrontabFields,
      'crontab takes its fields by name, such as { hour: 9 }, got "0 9 * * *"; for a text there is crontab.fromString',
    ],
    [
      { dayOfMonth: 31, monthOfYear: 4 },
      'crontab * * 31 4 * never comes: no such month has that day',
    ],
  ])('%j is refused', (fields, message) => {
    expect(() => crontab(fields)).toThrow(new ConfigError(message));
  });

  test('a line that has not five fields is refused', () => {
    expect(() => crontab.fromString('* * * *')).toThrow(/takes five fields, .*, got "\* \* \* \*"/);
    expect(() => crontab.fromString('0 * * * * *')).toThrow(/for seconds there is cron/);
  });

  test('an unknown time zone is refused with a near one', () => {
    expect(() => crontab({}, { timezone: 'Europe/Pariss' })).toThrow(
      new ConfigError('timezone "Europe/Pariss" is not a time zone; did you mean Europe/Paris?'),
    );
    expect(() => crontab({}, { timezone: '+02:00' })).toThrow(/for a fixed offset 'Etc\/GMT-2'/);
    expect(() => crontab({}, { timezone: 2 as unknown as string })).toThrow(/take an IANA name/);
  });
});

describe("Celery's own case", () => {
  test.each<[string, CrontabFields, string, string]>([
    ['next minute', {}, '2010-09-11 14:30:15', '2010-09-11 14:31:00'],
    ['not next minute', {}, '2010-09-11 14:59:15', '2010-09-11 15:00:00'],
    ['this hour', { minute: [5, 42] }, '2010-09-11 14:30:15', '2010-09-11 14:42:00'],
    ['not this hour', { minute: [5, 10, 15] }, '2010-09-11 14:30:15', '2010-09-11 15:05:00'],
    ['today', { minute: [5, 42], hour: [12, 17] }, '2010-09-11 14:30:15', '2010-09-11 17:05:00'],
    ['not today', { minute: [5, 42], hour: [12] }, '2010-09-11 14:30:15', '2010-09-12 12:05:00'],
    [
      'weekday',
      { minute: 30, hour: 14, dayOfWeek: 'sat' },
      '2010-09-11 14:30:15',
      '2010-09-18 14:30:00',
    ],
    [
      'not weekday',
      { minute: [5, 42], dayOfWeek: 'mon-fri' },
      '2010-09-11 14:30:15',
      '2010-09-13 00:05:00',
    ],
    [
      'monthday',
      { minute: 30, hour: 14, dayOfMonth: 18 },
      '2010-09-11 14:30:15',
      '2010-09-18 14:30:00',
    ],
    [
      'not monthday',
      { minute: [5, 42], dayOfMonth: 29 },
      '2010-01-22 14:30:15',
      '2010-01-29 00:05:00',
    ],
    [
      'weekday and monthday',
      { minute: 30, hour: 14, dayOfWeek: 'mon', dayOfMonth: 18 },
      '2010-01-18 14:30:15',
      '2010-10-18 14:30:00',
    ],
    [
      'monthday, not weekday',
      { minute: [5, 42], dayOfWeek: 'sat', dayOfMonth: 29 },
      '2010-01-29 00:05:15',
      '2010-05-29 00:05:00',
    ],
    [
      'weekday, not monthday',
      { minute: [5, 42], dayOfWeek: 'mon', dayOfMonth: 18 },
      '2010-01-11 00:05:15',
      '2010-01-18 00:05:00',
    ],
    [
      'leap day',
      { minute: 30, hour: 14, dayOfMonth: 29 },
      '2012-01-29 14:30:15',
      '2012-02-29 14:30:00',
    ],
    [
      'no leap day',
      { minute: 30, hour: 14, dayOfMonth: 29 },
      '2010-01-29 14:30:15',
      '2010-03-29 14:30:00',
    ],
    [
      'leap year',
      { minute: 30, hour: 14, dayOfMonth: 29, monthOfYear: 2 },
      '2012-02-29 14:30:00',
      '2016-02-29 14:30:00',
    ],
    [
      'weekday, monthday, month',
      { minute: 30, hour: 14, dayOfWeek: 'fri', dayOfMonth: 29, monthOfYear: 1 },
      '2010-01-22 14:30:15',
      '2010-01-29 14:30:00',
    ],
    [
      'monthday and month, not weekday',
      { minute: [5, 42], dayOfWeek: 'wed,thu', dayOfMonth: 29, monthOfYear: '1,4,7' },
      '2010-01-29 14:30:15',
      '2010-04-29 00:05:00',
    ],
    [
      'weekday and month, not monthday',
      { minute: 30, hour: 14, dayOfWeek: 'fri', dayOfMonth: 29, monthOfYear: '1-10' },
      '2010-01-29 14:30:15',
      '2010-10-29 14:30:00',
    ],
    [
      'monthday, not weekday and month',
      { minute: [5, 42], dayOfWeek: 'mon', dayOfMonth: 29, monthOfYear: '2-4' },
      '2010-01-29 00:05:15',
      '2010-03-29 00:05:00',
    ],
    [
      'none of them',
      { minute: [5, 42], dayOfWeek: 'fri,sat', dayOfMonth: 29, monthOfYear: '2-10' },
      '2010-01-28 14:30:15',
      '2010-05-29 00:05:00',
    ],
    ['year crossing', { minute: 0, hour: 0 }, '2026-12-31 12:00:00', '2027-01-01 00:00:00'],
    [
      'a century without a leap day',
      { minute: 0, hour: 0, dayOfMonth: 29, monthOfYear: 2 },
      '2096-03-01 00:00:00',
      '2104-02-29 00:00:00',
    ],
    [
      'second Thursday',
      { minute: 30, hour: 7, dayOfWeek: 'thursday', dayOfMonth: '8-14' },
      '2010-05-09 10:30:00',
      '2010-05-13 07:30:00',
    ],
    ['over midnight', { minute: 0, hour: '22-2/2' }, '2026-03-01 22:00:00', '2026-03-02 00:00:00'],
  ])('%s', (_, fields, after, expected) => {
    expect(crontab(fields).next(utc(after))).toEqual(utc(expected));
  });

  test('09:00 in Paris stays 09:00 in Paris when clocks change', () => {
    const nine = crontab({ minute: 0, hour: 9 }, { timezone: 'Europe/Paris' });
    expect(nine.next(utc('2017-10-28 07:00:00'))).toEqual(utc('2017-10-29 08:00:00'));
    expect(nine.next(utc('2017-03-25 08:00:00'))).toEqual(utc('2017-03-26 07:00:00'));
  });

  test.each<[string, string | undefined, boolean]>([
    ['2010-12-05 08:00:00', '3600s', true],
    ['2010-12-05 10:30:00', '3600s', false],
    ['2010-12-05 10:30:00', undefined, true],
  ])(
    'a daily 07:30 that was missed, at %s with a deadline of %s: sent %s',
    (now, deadline, sent) => {
      const daily = new Timetable({ schedule: crontab({ hour: 7, minute: 30 }) });
      const next = (after: Date) => daily.next(after, { seed: 'daily' });
      const due = next(utc('2010-12-04 10:30:00'))!;
      const rule = misfireRule(deadline === undefined ? {} : { deadline: deadline as '3600s' });
      const { send, next: following } = missed({ due, now: utc(now), next }, rule);
      expect(send.map(({ tick }) => tick)).toEqual(sent ? [utc('2010-12-05 07:30:00')] : []);
      expect(following?.tick).toEqual(utc('2010-12-06 07:30:00'));
    },
  );

  test('the order of a line is minute, hour, day of month, month, day of week', () => {
    const line = crontab.fromString(' 30  7 8-14 3 thu ');
    expect(line.toJSON()).toEqual({
      v: 1,
      kind: 'crontab',
      minute: '30',
      hour: '7',
      dayOfMonth: '8-14',
      monthOfYear: '3',
      dayOfWeek: 'thu',
    });
    expect(line.next(utc('2009-03-12 07:30:00'))).toEqual(utc('2010-03-11 07:30:00'));
  });
});

describe('when clocks change', () => {
  test.each<[string, string, CrontabFields, string, string[]]>([
    [
      'a time that the day skips comes at the first instant after the gap, once',
      'America/New_York',
      { minute: 30, hour: 2 },
      '2026-03-07T12:00:00Z',
      ['2026-03-08T07:00:00Z', '2026-03-09T06:30:00Z'],
    ],
    [
      'several times that the day skips come as one',
      'America/New_York',
      { minute: [10, 40], hour: 2 },
      '2026-03-07T12:00:00Z',
      ['2026-03-08T07:00:00Z', '2026-03-09T06:10:00Z'],
    ],
    [
      'a time that the day has twice comes the first time only',
      'America/New_York',
      { minute: 30, hour: 1 },
      '2026-10-31T12:00:00Z',
      ['2026-11-01T05:30:00Z', '2026-11-02T06:30:00Z'],
    ],
    [
      'so do several',
      'America/New_York',
      { minute: [0, 30], hour: 1 },
      '2026-10-31T12:00:00Z',
      ['2026-11-01T05:00:00Z', '2026-11-01T05:30:00Z', '2026-11-02T06:00:00Z'],
    ],
    [
      'every half hour goes on through both',
      'America/New_York',
      { minute: '*/30' },
      '2026-11-01T04:59:00Z',
      [
        '2026-11-01T05:00:00Z',
        '2026-11-01T05:30:00Z',
        '2026-11-01T06:00:00Z',
        '2026-11-01T06:30:00Z',
        '2026-11-01T07:00:00Z',
      ],
    ],
    [
      'every hour goes on through both',
      'Europe/Paris',
      { minute: 0 },
      '2026-10-24T23:30:00Z',
      ['2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z', '2026-10-25T02:00:00Z'],
    ],
    [
      'every half hour has no tick within a gap',
      'Europe/Paris',
      { minute: '*/30' },
      '2026-03-29T00:29:00Z',
      ['2026-03-29T00:30:00Z', '2026-03-29T01:00:00Z', '2026-03-29T01:30:00Z'],
    ],
    [
      'a gap in Paris',
      'Europe/Paris',
      { minute: 30, hour: 2 },
      '2026-03-28T12:00:00Z',
      ['2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z'],
    ],
    [
      'an hour twice in Paris',
      'Europe/Paris',
      { minute: 30, hour: 2 },
      '2026-10-24T12:00:00Z',
      ['2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z'],
    ],
    [
      'a gap of half an hour on Lord Howe',
      'Australia/Lord_Howe',
      { minute: 15, hour: 2 },
      '2026-10-03T00:00:00Z',
      ['2026-10-03T15:30:00Z', '2026-10-04T15:15:00Z'],
    ],
    [
      'half an hour twice on Lord Howe',
      'Australia/Lord_Howe',
      { minute: 45, hour: 1 },
      '2026-04-04T00:00:00Z',
      ['2026-04-04T14:45:00Z', '2026-04-05T15:15:00Z'],
    ],
    [
      'every quarter on Lord Howe',
      'Australia/Lord_Howe',
      { minute: '*/15' },
      '2026-04-04T14:40:00Z',
      ['2026-04-04T14:45:00Z', '2026-04-04T15:00:00Z', '2026-04-04T15:15:00Z'],
    ],
    [
      'a midnight that is skipped',
      'Africa/Cairo',
      { minute: 0, hour: 0 },
      '2026-04-23T00:00:00Z',
      ['2026-04-23T22:00:00Z', '2026-04-24T21:00:00Z'],
    ],
    [
      'a day that is skipped',
      'Pacific/Apia',
      { minute: 0, hour: 12 },
      '2011-12-29T12:00:00Z',
      ['2011-12-29T22:00:00Z', '2011-12-30T22:00:00Z'],
    ],
  ])('%s', (_, timezone, fields, after, expected) => {
    const found = ticks(crontab(fields, { timezone }), new Date(after), expected.length);
    expect(found).toEqual(expected.map((text) => new Date(text)));
  });

  test.each([
    ['America/New_York', '2026-03-07T12:00:00Z'],
    ['America/New_York', '2026-10-31T12:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T00:00:00Z'],
    ['Australia/Lord_Howe', '2026-10-03T00:00:00Z'],
    ['Europe/Paris', '2026-03-28T12:00:00Z'],
    ['Europe/Paris', '2026-10-24T12:00:00Z'],
    ['Africa/Cairo', '2026-10-29T10:00:00Z'],
    ['America/Santiago', '2026-09-05T12:00:00Z'],
  ])('in %s after %s steps tick whenever the wall shows one of their times', (timezone, after) => {
    const start = Date.parse(after);
    const onTheWall = wallOf(timezone);
    const minutes = range(1, 40 * 60).map((minute) => new Date(start + minute * 60_000));
    const expected = minutes.filter((date) =>
      /(0[0-4]|1[02468]):(00|20|40)$/.test(onTheWall(date)),
    );
    const steps = crontab({ minute: '*/20', hour: '0-4,10-18/2' }, { timezone });
    expect(ticks(steps, new Date(start), expected.length)).toEqual(expected);
  });
});

describe('for all crontabs', () => {
  const zones = ['UTC', 'America/New_York', 'Europe/Paris', 'Australia/Lord_Howe', 'Asia/Kolkata'];
  const values = (from: number, to: number) =>
    fc.oneof(
      { weight: 2, arbitrary: fc.constant('*') },
      fc.uniqueArray(fc.integer({ min: from, max: to }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: to }).map((step) => `*/${step}`),
      fc
        .tuple(fc.integer({ min: from, max: to }), fc.integer({ min: from, max: to }))
        .map(([first, last]) => `${first}-${last}`),
    );
  // Days up to the 28th alone: a combination that never comes is refused.
  const fields = fc.record({
    minute: values(0, 59),
    hour: values(0, 23),
    dayOfMonth: values(1, 28),
    monthOfYear: values(1, 12),
    dayOfWeek: values(0, 6),
  });
  const zone = fc.constantFrom(...zones);
  const after = fc.date({
    min: new Date('2000-01-01'),
    max: new Date('2060-01-01'),
    noInvalidDate: true,
  });

  test('ticks rise, match the fields, and are the same from any instant ahead of them', () => {
    fc.assert(
      fc.property(fields, after, (given, from) => {
        const schedule = crontab(given);
        const found = ticks(schedule, from, 3);
        const matching = (name: keyof CrontabFields) =>
          new Set(fieldValues(fieldText(given[name], name), name));
        found.forEach((tick, index) => {
          expect(tick.getTime()).toBeGreaterThan((found[index - 1] ?? from).getTime());
          expect(tick.getTime() % 60_000).toBe(0);
          expect(matching('minute')).toContain(tick.getUTCMinutes());
          expect(matching('hour')).toContain(tick.getUTCHours());
          expect(matching('dayOfMonth')).toContain(tick.getUTCDate());
          expect(matching('monthOfYear')).toContain(tick.getUTCMonth() + 1);
          expect(matching('dayOfWeek')).toContain(tick.getUTCDay());
          expect(schedule.next(new Date(tick.getTime() - 1))).toEqual(tick);
        });
      }),
      { numRuns: 200 },
    );
  });

  test('stored as JSON they tick as before, in every zone', () => {
    fc.assert(
      fc.property(fields, zone, after, (given, timezone, from) => {
        const schedule = crontab(given, { timezone });
        const stored = scheduleFromJson(JSON.parse(JSON.stringify(schedule)));
        expect(ticks(stored, from, 2)).toEqual(ticks(schedule, from, 2));
        expect(String(stored)).toBe(String(schedule));
      }),
      { numRuns: 100 },
    );
  });
});

test('a crontab without a zone of its own takes that of its surroundings', () => {
  const nine = crontab({ minute: 0, hour: 9 });
  const settled = settle(nine, { timezone: 'Europe/Paris' });
  expect(nine.next(utc('2026-07-01 00:00:00'))).toEqual(utc('2026-07-01 09:00:00'));
  expect(settled.next(utc('2026-07-01 00:00:00'))).toEqual(utc('2026-07-01 07:00:00'));
  expect(String(settled)).toBe('crontab 0 9 * * * (Europe/Paris)');
  expect(settle(settled, { timezone: 'Asia/Tokyo' })).toBe(settled);
});

test('more crontabs than are kept parsed tick as well as few', () => {
  const many = range(0, 599).map((index) =>
    crontab({ minute: index % 60, hour: index % 23, dayOfMonth: (index % 28) + 1 }),
  );
  const from = utc('2026-01-01 00:00:00');
  const first = many.map((schedule) => schedule.next(from));
  expect(many.map((schedule) => schedule.next(from))).toEqual(first);
  expect(first[0]).toEqual(utc('2026-02-01 00:00:00'));
});
