/** Cron strings: what croner reads, and what is refused. */
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../errors.js';
import { cron } from './cron.js';
import { crontab } from './crontab.js';
import { scheduleFromJson } from './from-json.js';
import { settle } from './schedule.js';

function days(line: string, after: string, count: number): (string | undefined)[] {
  const schedule = cron(line);
  const found: Date[] = [];
  let last: Date | undefined = new Date(after);
  while (found.length < count && (last = schedule.next(last))) found.push(last);
  return found.map((tick) => tick.toISOString().slice(0, 16));
}

describe('a cron string', () => {
  test.each<[string, string, string[]]>([
    ['0 9 * * mon-fri', '2026-11-20T12:00:00Z', ['2026-11-23T09:00', '2026-11-24T09:00']],
    ['0 0 * * 0', '2026-01-30T00:00:00Z', ['2026-02-01T00:00', '2026-02-08T00:00']],
    ['0 0 * * 7', '2026-01-30T00:00:00Z', ['2026-02-01T00:00', '2026-02-08T00:00']],
    ['0 0 L * *', '2026-01-30T00:00:00Z', ['2026-01-31T00:00', '2026-02-28T00:00']],
    ['0 0 15W * *', '2026-01-30T00:00:00Z', ['2026-02-16T00:00', '2026-03-16T00:00']],
    ['0 0 * * mon#2', '2026-01-30T00:00:00Z', ['2026-02-09T00:00', '2026-03-09T00:00']],
    ['0 0 * * 5L', '2026-01-30T00:00:00Z', ['2026-02-27T00:00', '2026-03-27T00:00']],
    ['0 0 29 2 *', '2026-01-30T00:00:00Z', ['2028-02-29T00:00', '2032-02-29T00:00']],
    ['0 0 31 * *', '2026-01-31T00:00:00Z', ['2026-03-31T00:00', '2026-05-31T00:00']],
    ['0 0 1 jan *', '2026-01-01T00:00:00Z', ['2027-01-01T00:00', '2028-01-01T00:00']],
    ['@hourly', '2026-12-31T23:10:00Z', ['2027-01-01T00:00', '2027-01-01T01:00']],
    ['@daily', '2026-02-27T00:00:00Z', ['2026-02-28T00:00', '2026-03-01T00:00']],
    ['@weekly', '2026-01-30T00:00:00Z', ['2026-02-01T00:00', '2026-02-08T00:00']],
    ['@monthly', '2026-01-30T00:00:00Z', ['2026-02-01T00:00', '2026-03-01T00:00']],
    ['@yearly', '2026-01-30T00:00:00Z', ['2027-01-01T00:00', '2028-01-01T00:00']],
    ['0 0 0 1 1 * 2027', '2026-01-30T00:00:00Z', ['2027-01-01T00:00']],
  ])('%s', (line, after, expected) => {
    expect(days(line, after, 2)).toEqual(expected);
  });

  test('of six fields begins with seconds', () => {
    const schedule = cron('*/20 30 9 * * *');
    let tick = schedule.next(new Date('2026-01-01T09:30:00.500Z'));
    expect(tick).toEqual(new Date('2026-01-01T09:30:20Z'));
    tick = schedule.next(new Date('2026-01-01T09:30:40Z'));
    expect(tick).toEqual(new Date('2026-01-02T09:30:00Z'));
  });

  test('ticks where day of month or day of week matches; in a crontab both have to', () => {
    const after = new Date('2026-01-30T00:00:00Z');
    expect(days('0 0 13 * fri', '2026-01-30T00:00:00Z', 3)).toEqual([
      '2026-02-06T00:00',
      '2026-02-13T00:00',
      '2026-02-20T00:00',
    ]);
    const fridays13 = crontab.fromString('0 0 13 * fri');
    expect(fridays13.next(after)).toEqual(new Date('2026-02-13T00:00:00Z'));
    expect(fridays13.next(new Date('2026-03-13T00:00:00Z'))).toEqual(
      new Date('2026-11-13T00:00:00Z'),
    );
  });

  test('keeps the time on the wall through both changes of clocks, and skips none', () => {
    const nine = cron('0 9 * * *', { timezone: 'America/New_York' });
    expect(nine.next(new Date('2026-03-07T14:00:00Z'))).toEqual(new Date('2026-03-08T13:00:00Z'));
    expect(nine.next(new Date('2026-10-31T13:00:00Z'))).toEqual(new Date('2026-11-01T14:00:00Z'));
    const gap = cron('30 2 * * *', { timezone: 'America/New_York' });
    expect(gap.next(new Date('2026-03-08T06:59:59Z'))).toEqual(new Date('2026-03-08T07:00:00Z'));
    expect(gap.next(new Date('2026-03-08T07:00:00Z'))).toEqual(new Date('2026-03-09T06:30:00Z'));
  });

  test('gives the same answer when time goes backwards', () => {
    const schedule = cron('*/5 * * * *', { timezone: 'Europe/Paris' });
    const instants = ['2026-05-01T10:02:00Z', '2027-01-01T00:00:00Z', '2026-05-01T10:01:00Z'];
    expect(instants.map((text) => schedule.next(new Date(text))?.toISOString())).toEqual([
      '2026-05-01T10:05:00.000Z',
      '2027-01-01T00:05:00.000Z',
      '2026-05-01T10:05:00.000Z',
    ]);
  });

  test('of a year that is over has no next tick', () => {
    expect(cron('0 0 0 1 1 * 2020').next(new Date('2026-01-01T00:00:00Z'))).toBeUndefined();
  });

  test('is stored and read again', () => {
    const schedule = cron('0  9 * * mon-fri ', { timezone: 'Europe/Paris' });
    expect(schedule.toJSON()).toEqual({
      v: 1,
      kind: 'cron',
      cron: '0 9 * * mon-fri',
      timezone: 'Europe/Paris',
    });
    expect(String(scheduleFromJson(schedule.toJSON()))).toBe('cron 0 9 * * mon-fri (Europe/Paris)');
  });

  test('without a zone of its own takes that of its surroundings', () => {
    const settled = settle(cron('0 9 * * *'), { timezone: 'Asia/Kolkata' });
    expect(settled.next(new Date('2026-01-01T00:00:00Z'))).toEqual(
      new Date('2026-01-01T03:30:00Z'),
    );
  });
});

test.each<[unknown, string]>([
  ['', 'exactly five, six, or seven space separated parts are required'],
  ['* * * *', 'exactly five, six, or seven space separated parts are required'],
  ['60 * * * *', 'Invalid value for minute: 60'],
  ['* 24 * * *', 'Invalid value for hour: 24'],
  ['a b c d e', 'illegal characters'],
  ['0 0 * * fri-mon', 'From value is larger than to value'],
  ['5/2 * * * *', 'stepping with numeric prefix'],
  ['0 0 31 4 *', 'no date fits it'],
  ['0 0 30 2 *', 'no date fits it'],
  ['@reboot', 'a start is not a time'],
  ['2026-01-01T00:00:00', 'for a single date there is once'],
  [5, 'it must be a text'],
  [undefined, 'it must be a text'],
])('%j is refused', (line, why) => {
  const attempt = () => cron(line as string);
  expect(attempt).toThrow(ConfigError);
  expect(attempt).toThrow(`${JSON.stringify(line) ?? 'undefined'} is not a cron string: `);
  expect(attempt).toThrow(why);
  expect(attempt).toThrow("It has the form 'minute hour dayOfMonth month dayOfWeek'");
});

test('an option that cron does not take is refused by name', () => {
  expect(() => cron('@daily', { timeZone: 'UTC' } as object)).toThrow(
    'cron has no option "timeZone"; did you mean timezone?',
  );
});
