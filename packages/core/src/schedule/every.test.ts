/** Fixed rates: where they are counted from, and that they stay there. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../errors.js';
import { every, type EveryOptions } from './every.js';
import { scheduleFromJson } from './from-json.js';
import { settle } from './schedule.js';

const seen = new Date('2026-01-01T10:00:07.123Z');

describe('every', () => {
  test('first ticks one period after the entry was seen', () => {
    const schedule = settle(every('5m'), { anchor: seen });
    expect(schedule.next(seen)).toEqual(new Date('2026-01-01T10:05:07.123Z'));
    expect(schedule.next(new Date('2026-01-01T10:05:07.123Z'))).toEqual(
      new Date('2026-01-01T10:10:07.123Z'),
    );
  });

  test('keeps to its anchor however late it is asked', () => {
    const schedule = every('5m', { anchor: seen });
    expect(schedule.next(new Date('2026-02-03T04:05:06.789Z'))).toEqual(
      new Date('2026-02-03T04:05:07.123Z'),
    );
  });

  test('has no tick ahead of its first one, also when the clock was set back', () => {
    const schedule = every('5m', { anchor: seen });
    expect(schedule.next(new Date('2020-01-01T00:00:00Z'))).toEqual(
      new Date('2026-01-01T10:05:07.123Z'),
    );
  });

  test('aligned ticks at multiples of its period', () => {
    const hourly = every('1h', { align: true });
    expect(hourly.next(seen)).toEqual(new Date('2026-01-01T11:00:00Z'));
    expect(hourly.next(new Date('2026-01-01T11:00:00Z'))).toEqual(new Date('2026-01-01T12:00:00Z'));
    expect(hourly.next(new Date('1969-12-31T23:30:00Z'))).toEqual(new Date('1970-01-01T00:00:00Z'));
    expect(every('1d', { align: true }).next(seen)).toEqual(new Date('2026-01-02T00:00:00Z'));
    expect(every('1h', { align: true, offset: '10m' }).next(seen)).toEqual(
      new Date('2026-01-01T10:10:00Z'),
    );
    expect(settle(hourly, { anchor: seen })).toBe(hourly);
  });

  test('with an offset is moved by it', () => {
    const schedule = every('1h', { anchor: seen, offset: '90s' });
    expect(schedule.next(seen)).toEqual(new Date('2026-01-01T11:01:37.123Z'));
  });

  test('does not drift over a million ticks', () => {
    const schedule = every('1.5s', { anchor: seen });
    let tick = seen;
    for (let count = 0; count < 1_000_000; count += 1) tick = schedule.next(tick)!;
    expect(tick.getTime() - seen.getTime()).toBe(1_500 * 1_000_000);
  });

  test('ends where dates end', () => {
    expect(every('1w', { align: true }).next(new Date(8.64e15))).toBeUndefined();
  });

  const options = fc.oneof(
    fc.record({ align: fc.constant(true), offset: fc.nat(10_000_000) }),
    fc.record({
      anchor: fc.date({
        min: new Date('2000-01-01'),
        max: new Date('2100-01-01'),
        noInvalidDate: true,
      }),
      offset: fc.nat(10_000_000),
    }),
  ) as fc.Arbitrary<EveryOptions>;

  test('rises by whole periods, and ticks as before when stored as JSON', () => {
    const period = fc.integer({ min: 100, max: 10_000_000_000 });
    const after = fc.date({
      min: new Date('1990-01-01'),
      max: new Date('2200-01-01'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(period, options, after, (milliseconds, given, from) => {
        const schedule = every(milliseconds, given);
        const tick = schedule.next(from)!;
        expect(tick.getTime()).toBeGreaterThan(from.getTime());
        expect(schedule.next(tick)!.getTime() - tick.getTime()).toBe(milliseconds);
        expect(schedule.next(new Date(tick.getTime() - 1))).toEqual(tick);
        expect(scheduleFromJson(JSON.parse(JSON.stringify(schedule))).next(from)).toEqual(tick);
      }),
    );
  });

  test('prints as a person would write it', () => {
    expect(String(every('5m'))).toBe('every 5m');
    expect(String(every(90_000))).toBe('every 90s');
    expect(String(every(7_200_000, { align: true, offset: 600_000 }))).toBe(
      'every 2h, aligned + 10m',
    );
    expect(String(every(1_234))).toBe('every 1234ms');
  });

  test.each<[unknown, object, string]>([
    [0, {}, 'every must be at least 100 ms, got 0'],
    [
      5,
      {},
      "every must be at least 100 ms, got 5: a bare number is milliseconds; for seconds write '5s'",
    ],
    [
      '5 minutes',
      {},
      "every must be a number of milliseconds or a string such as '10s' or '5m', got \"5 minutes\"",
    ],
    [-1, {}, "every must be a number of milliseconds or a string such as '10s' or '5m', got -1"],
    ['5m', { aling: true }, 'every has no option "aling"; did you mean align?'],
    ['5m', { align: 'yes' }, 'align must be true or false, got "yes"'],
    [
      '5m',
      { align: true, anchor: seen },
      'every takes align or an anchor, not both: align counts from 1970',
    ],
    [
      '5m',
      { offset: '1m' },
      'offset needs align: true, or an anchor: the point in time that it is added to',
    ],
    ['5m', { anchor: 'today' }, 'anchor must be a Date, got "today"'],
    ['5m', { anchor: new Date('never') }, 'anchor must be a valid Date, got an invalid one'],
  ])('of %j with %j is refused', (period, given, message) => {
    expect(() => every(period as number, given)).toThrow(new ConfigError(message));
  });

  test('asked for something that is no instant says so', () => {
    expect(() => every('5m').next(new Date('never'))).toThrow(
      'after must be a valid Date, got an invalid one',
    );
    expect(() => every('5m').next(5 as unknown as Date)).toThrow('after must be a Date, got 5');
  });
});
