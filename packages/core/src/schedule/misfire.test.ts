/** Ticks that nobody was there for: once, all, none; late, too late, too many. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../errors.js';
import { cron } from './cron.js';
import { schedule } from './custom.js';
import { every } from './every.js';
import { type MisfireOptions, misfireRule, missed, mostCaughtUp } from './misfire.js';
import { once } from './once.js';
import type { Schedule } from './schedule.js';
import { type Firing, Timetable, type TimetableOptions } from './timetable.js';

const noon = Date.parse('2026-05-01T12:00:00Z');
const minute = 60_000;

function instant(milliseconds: number): Date {
  return new Date(noon + milliseconds);
}

interface Case {
  schedule?: Schedule;
  bounds?: Omit<TimetableOptions, 'schedule'>;
  rule?: MisfireOptions;
  /** After noon, in milliseconds. */
  now: number;
}

/** What becomes of an entry whose tick at noon is due, with times in milliseconds after noon. */
function at({ schedule: when = cron('* * * * *'), bounds = {}, rule = {}, now }: Case) {
  const timetable = new Timetable({ schedule: when, ...bounds });
  let asked = 0;
  const next = (after: Date): Firing | undefined => {
    asked += 1;
    return timetable.next(after, { seed: 'entry' });
  };
  const due = timetable.next(instant(-1), { seed: 'entry' })!;
  const dues = missed({ due, now: instant(now), next }, misfireRule(rule));
  return {
    send: dues.send.map(({ tick }) => tick.getTime() - noon),
    next: dues.next && dues.next.tick.getTime() - noon,
    leftOut: dues.leftOut,
    more: dues.more,
    asked,
  };
}

const rules: MisfireOptions[] = [{ misfire: 'once' }, { misfire: 'all' }, { misfire: 'skip' }];

describe('a tick', () => {
  test.each(rules)('that is not due is left, also when the clock was set back: %j', (rule) => {
    for (const now of [-1, -5 * minute, -1e11])
      expect(at({ rule, now })).toMatchObject({ send: [], next: 0, leftOut: 0, more: false });
  });

  test.each(rules)('that is due or a little late is sent: %j', (rule) => {
    for (const now of [0, 1, 1_000])
      expect(at({ rule, now })).toMatchObject({ send: [0], next: minute, leftOut: 0 });
  });

  test('that is later than the grace is missed', () => {
    const now = 1_001;
    expect(at({ rule: { misfire: 'once' }, now })).toMatchObject({ send: [0], next: minute });
    expect(at({ rule: { misfire: 'all' }, now })).toMatchObject({ send: [0], next: minute });
    expect(at({ rule: { misfire: 'skip' }, now })).toMatchObject({ send: [], leftOut: 1 });
  });

  test('that is later than the deadline is not sent', () => {
    const now = 30_000;
    for (const misfire of ['once', 'all'] as const) {
      expect(at({ rule: { misfire, deadline: '30s' }, now }).send).toEqual([0]);
      expect(at({ rule: { misfire, deadline: 29_999 }, now }).send).toEqual([]);
      expect(at({ rule: { misfire, deadline: 0 }, now: 500 }).send).toEqual([]);
    }
  });

  test('that is the last one has no next', () => {
    expect(at({ schedule: once(instant(0)), now: 5_000 })).toMatchObject({
      send: [0],
      next: undefined,
    });
  });
});

describe('five missed minutes', () => {
  const now = 4 * minute + 30_000;

  test('are run once, for the latest of them', () => {
    expect(at({ now })).toMatchObject({ send: [4 * minute], next: 5 * minute, leftOut: 4 });
  });

  test('are run once where the latest is on time, not twice', () => {
    expect(at({ now: 4 * minute })).toMatchObject({ send: [4 * minute], leftOut: 4 });
  });

  test('are all run', () => {
    expect(at({ rule: { misfire: 'all' }, now })).toMatchObject({
      send: [0, 1, 2, 3, 4].map((count) => count * minute),
      next: 5 * minute,
      leftOut: 0,
    });
  });

  test('are all run but those past the deadline', () => {
    expect(at({ rule: { misfire: 'all', deadline: '3m' }, now })).toMatchObject({
      send: [2, 3, 4].map((count) => count * minute),
      leftOut: 2,
    });
  });

  test('are skipped but for one that is on time', () => {
    expect(at({ rule: { misfire: 'skip' }, now })).toMatchObject({ send: [], leftOut: 5 });
    expect(at({ rule: { misfire: 'skip' }, now: 4 * minute })).toMatchObject({
      send: [4 * minute],
      leftOut: 4,
      next: 5 * minute,
    });
  });

  test('end with the end of the entry', () => {
    const bounds = { end: instant(3 * minute) };
    expect(at({ bounds, rule: { misfire: 'all' }, now })).toMatchObject({
      send: [0, minute, 2 * minute],
      next: undefined,
    });
  });
});

test('ticks of a fast rate that are but late are each sent, whatever the rule', () => {
  const fast = every(100, { align: true });
  for (const rule of rules)
    expect(at({ schedule: fast, rule, now: 350 })).toMatchObject({
      send: [0, 100, 200, 300],
      next: 400,
    });
});

test('a jittered tick is late from when it should have fired', () => {
  const bounds = { jitter: '50s' } as const;
  const timetable = new Timetable({ schedule: cron('* * * * *'), ...bounds });
  const delay = timetable.next(instant(-1), { seed: 'entry' })!.fireAt.getTime() - noon;
  expect(delay).toBeGreaterThan(1);
  const rule = { misfire: 'skip' } as const;
  expect(at({ bounds, rule, now: delay - 1 })).toMatchObject({ send: [], next: 0, leftOut: 0 });
  expect(at({ bounds, rule, now: delay + 1_000 })).toMatchObject({ send: [0], next: minute });
  expect(at({ bounds, rule, now: delay + 1_001 })).toMatchObject({ send: [], next: minute });
});

describe('a year without beats', () => {
  const year = 365 * 24 * 60 * minute;

  test.each<[string, Schedule]>([
    ['of a fixed rate', every('1s', { align: true })],
    ['of cron', cron('* * * * * *')],
  ])('%s ends with the latest tick, after few questions', (_, when) => {
    const now = year + 1_500;
    const { send, next, more, asked } = at({ schedule: when, now });
    expect({ send, next, more }).toEqual({ send: [year + 1_000], next: year + 2_000, more: true });
    expect(asked).toBeLessThan(5_000);
  });

  test('catches up on the latest thousand', () => {
    const when = every('1s', { align: true });
    const { send, next, more, leftOut, asked } = at({
      schedule: when,
      rule: { misfire: 'all' },
      now: year,
    });
    expect(send.length).toBe(mostCaughtUp);
    expect(send.at(-1)).toBe(year);
    expect(send[0]).toBe(year - (mostCaughtUp - 1) * 1_000);
    expect(next).toBe(year + 1_000);
    expect(more).toBe(true);
    expect(leftOut).toBeGreaterThan(0);
    expect(asked).toBeLessThan(100_000);
  });

  test('finds the latest ticks where all were long ago', () => {
    // A thousand ticks a second for four seconds, and then one after a year.
    const bursts = schedule((after) => {
      const next = Math.max(after.getTime() + 1, noon);
      return new Date(next < noon + 4_000 ? next : noon + 2 * year);
    });
    const { send, next } = at({ schedule: bursts, rule: { misfire: 'all' }, now: year });
    expect(send.at(-1)).toBe(3_999);
    expect(send.length).toBe(mostCaughtUp);
    expect(next).toBe(2 * year);
    expect(at({ schedule: bursts, now: year }).send).toEqual([3_999]);
  });
});

test('for all outages: what is sent was due, is in order, and nothing due remains', () => {
  const schedules = fc.constantFrom(
    cron('* * * * *'),
    cron('*/7 3 * * *', { timezone: 'Europe/Paris' }),
    every('13s', { align: true }),
    every('1d', { align: true }),
  );
  const options = fc.record({
    misfire: fc.constantFrom('once' as const, 'all' as const, 'skip' as const),
    deadline: fc.nat(10_000_000),
  });
  fc.assert(
    fc.property(schedules, options, fc.nat(3 * 24 * 60 * minute), (when, rule, now) => {
      const { send, next } = at({ schedule: when, rule, now });
      expect(send).toEqual([...new Set(send)].toSorted((one, other) => one - other));
      for (const tick of send) {
        expect(tick).toBeLessThanOrEqual(now);
        expect(now - tick).toBeLessThanOrEqual(rule.deadline);
        expect(when.next(instant(tick - 1))).toEqual(instant(tick));
      }
      expect(next).toBeGreaterThan(now);
      expect(when.next(instant(Math.max(now, -1)))).toEqual(instant(next!));
    }),
    { numRuns: 60 },
  );
});

test.each<[object, string]>([
  [{ misfire: 'never' }, 'misfire must be one of once, all, skip, got "never"'],
  [
    { deadline: 'soon' },
    "deadline must be a number of milliseconds or a string such as '10s' or '5m', got \"soon\"",
  ],
  [
    { misfires: 'all' },
    'the rule for missed ticks has no option "misfires"; did you mean misfire?',
  ],
])('the rule %j is refused', (options, message) => {
  expect(() => misfireRule(options)).toThrow(new ConfigError(message));
});
