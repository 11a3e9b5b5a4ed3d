/** What the sun does, against other people's numbers. */
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../errors.js';
import { scheduleFromJson } from './from-json.js';
import { solar } from './solar.js';
import type { SolarEvent } from './solar-event.js';

const places = {
  Atlanta: { latitude: 33.8, longitude: -84.4 },
  Paris: { latitude: 48.86, longitude: 2.35 },
  'New York': { latitude: 40.71, longitude: -74.01 },
  Sydney: { latitude: -33.87, longitude: 151.21 },
  Tromso: { latitude: 69.65, longitude: 18.96 },
  Suva: { latitude: -18.14, longitude: 178.44 },
  Longyearbyen: { latitude: 78.2, longitude: 15.6 },
} as const;

describe('the sun', () => {
  // Atlanta: the numbers in the manual of PyEphem, which Celery uses. Others: Astronomy Engine 2.1.19.
  test.each<[keyof typeof places, SolarEvent, string, string]>([
    ['Atlanta', 'sunrise', '2009-09-06T05:00:00Z', '2009-09-06T11:14:57Z'],
    ['Atlanta', 'sunset', '2009-09-06T17:00:00Z', '2009-09-06T23:56:10Z'],
    ['Paris', 'dawn_astronomical', '2026-03-01T00:00:00Z', '2026-03-01T04:48:00Z'],
    ['Paris', 'dawn_nautical', '2026-03-01T00:00:00Z', '2026-03-01T05:24:38Z'],
    ['Paris', 'dawn_civil', '2026-03-01T00:00:00Z', '2026-03-01T06:01:05Z'],
    ['Paris', 'sunrise', '2026-03-01T00:00:00Z', '2026-03-01T06:32:44Z'],
    ['Paris', 'solar_noon', '2026-03-01T00:00:00Z', '2026-03-01T12:02:54Z'],
    ['Paris', 'sunset', '2026-03-01T00:00:00Z', '2026-03-01T17:33:52Z'],
    ['Paris', 'dusk_civil', '2026-03-01T00:00:00Z', '2026-03-01T18:05:34Z'],
    ['Paris', 'dusk_nautical', '2026-03-01T00:00:00Z', '2026-03-01T18:42:07Z'],
    ['Paris', 'dusk_astronomical', '2026-03-01T00:00:00Z', '2026-03-01T19:18:52Z'],
    ['New York', 'sunrise', '2026-06-21T04:00:00Z', '2026-06-21T09:25:05Z'],
    ['New York', 'sunset', '2026-06-21T04:00:00Z', '2026-06-22T00:30:43Z'],
    ['Sydney', 'sunrise', '2026-12-21T13:00:00Z', '2026-12-21T18:41:06Z'],
    ['Sydney', 'solar_noon', '2026-12-21T13:00:00Z', '2026-12-22T01:53:31Z'],
    ['Tromso', 'dawn_astronomical', '2026-03-20T00:00:00Z', '2026-03-20T00:46:17Z'],
    ['Tromso', 'dusk_astronomical', '2026-03-20T00:00:00Z', '2026-03-20T21:04:42Z'],
    ['Suva', 'sunrise', '2026-08-01T12:00:00Z', '2026-08-01T18:33:09Z'],
    ['Suva', 'sunset', '2026-08-01T12:00:00Z', '2026-08-02T05:52:09Z'],
  ])('%s: %s after %s is at %s', (place, event, after, expected) => {
    const tick = solar(event, places[place]).next(new Date(after))!;
    expect(Math.abs(tick.getTime() - Date.parse(expected))).toBeLessThanOrEqual(10_000);
    expect(tick.getTime() % 1_000).toBe(0);
  });

  test.each<[SolarEvent, string]>([
    ['dawn_civil', '2009-09-06T10:50Z'],
    ['sunrise', '2009-09-06T11:15Z'],
    ['solar_noon', '2009-09-06T17:36Z'],
    ['sunset', '2009-09-06T23:56Z'],
    ['dusk_civil', '2009-09-07T00:21Z'],
  ])('has its %s in Atlanta in the minute that the US Naval Observatory gives', (event, minute) => {
    const tick = solar(event, places.Atlanta).next(new Date('2009-09-06T05:00:00Z'))!;
    expect(Math.abs(tick.getTime() - Date.parse(minute))).toBeLessThanOrEqual(30_000);
  });

  test('that does not rise for months has its next sunrise after them', () => {
    const sunrise = solar('sunrise', places.Longyearbyen);
    const last = sunrise.next(new Date('2026-10-25T12:00:00Z'))!;
    expect(last.toISOString().slice(0, 10)).toBe('2026-10-26');
    expect(sunrise.next(last)!.toISOString().slice(0, 10)).toBe('2027-02-16');
  });

  test('that never does it has no tick', () => {
    const pole = { latitude: -90, longitude: 0 };
    expect(solar('dawn_civil', pole).next(new Date('2026-01-01T00:00:00Z'))).toBeUndefined();
  });

  test.each(Object.entries(places))(
    'in %s ticks in order, the same from any instant',
    (_, place) => {
      for (const event of ['sunrise', 'solar_noon', 'dusk_civil'] as const) {
        const schedule = solar(event, place);
        let last = new Date('2026-01-01T00:00:00Z');
        for (let count = 0; count < 200; count += 1) {
          const tick = schedule.next(last)!;
          expect(tick.getTime()).toBeGreaterThan(last.getTime());
          expect(schedule.next(new Date(tick.getTime() - 1))).toEqual(tick);
          last = tick;
        }
      }
    },
  );

  test('is stored and read again', () => {
    const schedule = solar('sunset', places.Paris);
    const stored = scheduleFromJson(JSON.parse(JSON.stringify(schedule)));
    expect(String(stored)).toBe('sunset at 48.86, 2.35');
    const after = new Date('2026-06-20T00:00:00Z');
    expect(stored.next(after)).toEqual(schedule.next(after));
  });

  test.each<[unknown, unknown, string]>([
    [
      'noon',
      places.Paris,
      'solar: there is no event "noon"; it takes dawn_astronomical, dawn_nautical, dawn_civil, sunrise, solar_noon, sunset, dusk_civil, dusk_nautical, dusk_astronomical',
    ],
    [
      'sunset',
      { latitude: 120, longitude: 0 },
      'solar: latitude must be a number of degrees from -90 to 90, got 120',
    ],
    [
      'sunset',
      { latitude: 0, longitude: -200 },
      'solar: longitude must be a number of degrees from -180 to 180, got -200',
    ],
    [
      'sunset',
      { latitude: '48' },
      'solar: latitude must be a number of degrees from -90 to 90, got "48"',
    ],
    [
      'sunset',
      { latitude: Number.NaN, longitude: 0 },
      'solar: latitude must be a number of degrees from -90 to 90, got NaN',
    ],
    ['sunset', { lat: 48 }, 'solar has no option "lat"; it takes latitude, longitude'],
    ['sunset', undefined, 'solar takes a place, { latitude, longitude }, got undefined'],
  ])('%j at %j is refused', (event, place, message) => {
    expect(() => solar(event as SolarEvent, place as typeof places.Paris)).toThrow(
      new ConfigError(message),
    );
  });
});
