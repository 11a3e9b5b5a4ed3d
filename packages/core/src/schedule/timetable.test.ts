/** The bounds of an entry: start, end, limit, jitter. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../errors.js';
import { cron } from './cron.js';
import { every } from './every.js';
import { chance } from './jitter.js';
import type { Schedule } from './schedule.js';
import { Timetable, type TimetableOptions } from './timetable.js';

const seed = 'report';
const hourly = cron('@hourly');

function at(text: string): Date {
  return new Date(`2026-05-01T${text}:00Z`);
}

describe('a timetable', () => {
  test('without bounds fires at the ticks', () => {
    const timetable = new Timetable({ schedule: hourly });
    expect(timetable.next(at('09:30'), { seed })).toEqual({
      tick: at('10:00'),
      fireAt: at('10:00'),
    });
  });

  test('begins with its start, and has no tick at its end', () => {
    const timetable = new Timetable({ schedule: hourly, start: at('12:00'), end: at('14:00') });
    expect(timetable.next(at('01:00'), { seed })?.tick).toEqual(at('12:00'));
    expect(timetable.next(at('12:00'), { seed })?.tick).toEqual(at('13:00'));
    expect(timetable.next(at('13:00'), { seed })).toBeUndefined();
    expect(timetable.next(at('23:00'), { seed })).toBeUndefined();
  });

  test('ends after so many runs', () => {
    const timetable = new Timetable({ schedule: hourly, limit: 3 });
    expect(timetable.next(at('09:30'), { seed, runs: 2 })?.tick).toEqual(at('10:00'));
    expect(timetable.next(at('09:30'), { seed, runs: 3 })).toBeUndefined();
    expect(timetable.next(at('09:30'), { seed, runs: 4 })).toBeUndefined();
  });

  test('of a fixed rate ticks at its start, else from when it was seen', () => {
    const surroundings = { anchor: at('09:07'), timezone: 'Europe/Paris' };
    const seen = new Timetable({ schedule: every('1h') }).settle(surroundings);
    expect(seen.next(at('09:07'), { seed })?.tick).toEqual(at('10:07'));
    const started = new Timetable({ schedule: every('1h'), start: at('12:00') });
    const settled = started.settle(surroundings);
    expect(settled.next(at('09:07'), { seed })?.tick).toEqual(at('12:00'));
    expect(settled.next(at('12:00'), { seed })?.tick).toEqual(at('13:00'));
    const nine = new Timetable({ schedule: cron('0 9 * * *') }).settle(surroundings);
    expect(nine.next(at('00:00'), { seed })?.tick).toEqual(at('07:00'));
  });

  test('of a fixed rate has all its ticks whole periods behind its start, the first there', () => {
    const instants = fc.date({
      min: new Date('2020-01-01'),
      max: new Date('2030-01-01'),
      noInvalidDate: true,
    });
    const periods = fc.integer({ min: 100, max: 10_000_000_000 });
    fc.assert(
      fc.property(instants, instants, instants, periods, (start, anchor, after, period) => {
        const timetable = new Timetable({ schedule: every(period), start }).settle({ anchor });
        const tick = timetable.next(after, { seed })!.tick.getTime();
        expect(tick).toBeGreaterThan(after.getTime());
        expect((tick - start.getTime()) % period).toBe(0);
        if (after < start) expect(tick).toBe(start.getTime());
        else expect(tick - period).toBeLessThanOrEqual(after.getTime());
        const stored = new Timetable({ schedule: timetable.schedule, start });
        expect(stored.next(after, { seed })?.tick.getTime()).toBe(tick);
      }),
    );
  });

  test('with jitter fires later, ahead of the next tick, the same in every process', () => {
    const instants = fc.date({
      min: new Date('2020-01-01'),
      max: new Date('2030-01-01'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(instants, fc.string(), fc.nat(10_000_000), (after, name, jitter) => {
        const options = { schedule: cron('*/7 * * * *'), jitter };
        const { tick, fireAt } = new Timetable(options).next(after, { seed: name })!;
        const delay = fireAt.getTime() - tick.getTime();
        expect(tick).toEqual(options.schedule.next(after));
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThan(Math.max(jitter, 1));
        expect(fireAt < options.schedule.next(tick)!).toBe(true);
        expect(new Timetable({ ...options }).next(after, { seed: name })?.fireAt).toEqual(fireAt);
      }),
    );
  });

  test('draws the jitter as it always has: a change would let beats of two releases disagree', () => {
    expect(chance('report', 0)).toBe(0.07215159213336975);
    expect(chance('report', 1_777_629_600_000)).toBe(0.21991302043580774);
  });

  test('spreads entries and ticks over the whole jitter', () => {
    const timetable = new Timetable({ schedule: hourly, jitter: '10m' });
    const delays = Array.from({ length: 1_000 }, (_, index) => {
      const { tick, fireAt } = timetable.next(at('09:30'), { seed: `entry ${index}` })!;
      return (fireAt.getTime() - tick.getTime()) / 60_000;
    });
    const tenths = Array.from(
      { length: 10 },
      (_, tenth) => delays.filter((delay) => Math.floor(delay) === tenth).length,
    );
    // A hundred are expected in each; sixty away is beyond all chance, and the hash does not change.
    for (const count of tenths) expect(Math.abs(count - 100)).toBeLessThan(60);
    const days = [1, 2, 3].map((day) => {
      const { tick, fireAt } = timetable.next(new Date(`2026-05-0${day}T09:30:00Z`), { seed })!;
      return fireAt.getTime() - tick.getTime();
    });
    expect(new Set(days).size).toBe(3);
  });

  test.each<[object, string]>([
    [
      { start: at('12:00'), end: at('12:00') },
      'end must be later than start, got 2026-05-01T12:00:00.000Z and 2026-05-01T12:00:00.000Z',
    ],
    [{ start: 'today' }, 'start must be a Date, got "today"'],
    [{ end: new Date('x') }, 'end must be a valid Date, got an invalid one'],
    [{ limit: 0 }, 'limit must be a whole number of at least 1, got 0'],
    [{ limit: 1.5 }, 'limit must be a whole number of at least 1, got 1.5'],
    [
      { jitter: 'some' },
      "jitter must be a number of milliseconds or a string such as '10s' or '5m', got \"some\"",
    ],
    [
      { until: at('12:00') },
      'a timetable has no option "until"; it takes schedule, jitter, start, end, limit',
    ],
    [{ schedule: '5m' }, 'schedule must be a schedule, such as every(\'5m\'), got "5m"'],
  ])('with %j is refused', (options, message) => {
    const all = { schedule: hourly, ...options } as TimetableOptions;
    expect(() => new Timetable(all)).toThrow(new ConfigError(message));
  });

  test('refuses a foreign schedule that stands still', () => {
    const stuck: Schedule = {
      next: (after) => after,
      toJSON: () => hourly.toJSON(),
      toString: () => 'stuck',
    };
    expect(() => new Timetable({ schedule: stuck }).next(at('12:00'), { seed })).toThrow(
      'the next tick of stuck must be later than the instant it is asked for',
    );
  });
});
