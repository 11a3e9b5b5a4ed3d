/** Dates as people write them: in a zone, or with their own offset; all else is refused. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../errors.js';
import { parseMoment } from './moment.js';

const paris = 'Europe/Paris';

test.each([
  ['2027-01-31', 'UTC', '2027-01-31T00:00:00.000Z'],
  ['2027-01-31', paris, '2027-01-30T23:00:00.000Z'],
  ['2027-07-31', paris, '2027-07-30T22:00:00.000Z'],
  ['2027-01-31T09:00', paris, '2027-01-31T08:00:00.000Z'],
  ['2027-01-31 09:00', paris, '2027-01-31T08:00:00.000Z'],
  ['2027-01-31t09:00:30.5', 'Asia/Kolkata', '2027-01-31T03:30:30.500Z'],
  ['2027-01-31T09:00:30.123456', 'UTC', '2027-01-31T09:00:30.123Z'],
  ['2027-01-31T09:00Z', paris, '2027-01-31T09:00:00.000Z'],
  ['2027-01-31T09:00:00z', paris, '2027-01-31T09:00:00.000Z'],
  ['2027-01-31T09:00:00+05:30', paris, '2027-01-31T03:30:00.000Z'],
  ['2027-01-31T09:00:00-0800', paris, '2027-01-31T17:00:00.000Z'],
  ['2027-01-31T09:00:00+01', 'UTC', '2027-01-31T08:00:00.000Z'],
  [' 2027-01-31T09:00:00 +01:00 ', 'UTC', '2027-01-31T08:00:00.000Z'],
  ['2028-02-29', 'UTC', '2028-02-29T00:00:00.000Z'],
  ['2020-01-01', 'UTC', '2020-01-01T00:00:00.000Z'],
])('%s in %s is %s', (text, zone, expected) => {
  expect(parseMoment(text, 'eta', zone).toISOString()).toBe(expected);
});

describe('where clocks change', () => {
  test('a time that there is not is as much later as is left out', () => {
    expect(parseMoment('2027-03-28T02:30', 'eta', paris).toISOString()).toBe(
      '2027-03-28T01:30:00.000Z',
    );
  });

  test('of a time that there is twice the first is meant', () => {
    expect(parseMoment('2027-10-31T02:30', 'eta', paris).toISOString()).toBe(
      '2027-10-31T00:30:00.000Z',
    );
  });
});

test.each([
  ...['12', '10s', 'march 7', 'tomorrow', '', '2027', '2027-01', '31.1.2027', '1/31/2027'],
  ...['2027-02-30', '2027-13-01', '2027-00-10', '2027-01-31T24:00', '2027-01-31T09', '1798707600'],
  ...['2027-01-31T09:60', '2027-01-31T09:00:00+24:00', '2027-01-31T09:00:00 CET', '20270131'],
  ...['2027-01-31Z', 'Sun Jan 31 2027', '2027-01-31T09:00:00+01:00:00', '+012027-01-31'],
])('%j is refused, and it is said what is accepted', (text) => {
  let error: unknown;
  try {
    parseMoment(text, '--eta', paris);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toEqual(
    new ConfigError(
      `--eta must be a date such as 2027-01-31, 2027-01-31T09:00 (both in the time zone of the app, Europe/Paris) or 2027-01-31T09:00:00Z, got ${JSON.stringify(text)}`,
    ),
  );
});

test('whatever clocks show in a zone is read as the instant at which they do', () => {
  const zones = ['UTC', paris, 'America/New_York', 'Asia/Kolkata', 'Pacific/Apia', 'Asia/Tokyo'];
  const instants = fc.date({
    min: new Date('1980-01-01'),
    max: new Date('2099-12-31'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(instants, fc.constantFrom(...zones), (instant, timeZone) => {
      const at = new Date(Math.floor(instant.getTime() / 1_000) * 1_000);
      const shown = (date: Date): string =>
        date.toLocaleString('sv-SE', { timeZone, hourCycle: 'h23' });
      const read = parseMoment(shown(at), 'eta', timeZone);
      expect(shown(read)).toBe(shown(at));
      // Of a time that there is twice it is the first.
      expect(read.getTime()).toBeLessThanOrEqual(at.getTime());
      expect(parseMoment(at.toISOString(), 'eta', timeZone)).toEqual(at);
    }),
  );
});
