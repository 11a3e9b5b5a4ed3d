/** How often and how long a failed task waits: Celery's numbers, and what holds for all settings. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../errors.js';
import { mayRetry, type RetryOptions, retryPolicy, retryWait } from './retry-policy.js';

/** The waits of the first runs, in seconds, without jitter. */
function waits(options: RetryOptions, runs: number): number[] {
  const policy = retryPolicy({ ...options, retryJitter: false });
  return Array.from({ length: runs }, (_, retries) => retryWait(policy, retries) / 1_000);
}

describe('the wait before a retry', () => {
  test.each<[RetryOptions, number[]]>([
    [{}, [1, 2, 4, 8]],
    [{ retryBackoff: true }, [1, 2, 4, 8]],
    [{ retryBackoff: '1s' }, [1, 2, 4, 8]],
    [{ retryBackoff: '2s' }, [2, 4, 8, 16]],
    [{ retryBackoff: 100 }, [0.1, 0.2, 0.4, 0.8]],
    [{ retryBackoff: false }, [180, 180, 180, 180]],
    [{ retryBackoff: 0 }, [180, 180, 180, 180]],
    [{ retryDelay: '5s' }, [5, 5, 5, 5]],
    [{ retryDelay: 0 }, [0, 0, 0, 0]],
    [{ retryDelay: '5s', retryBackoff: true }, [1, 2, 4, 8]],
    [{ retryBackoff: true, retryBackoffMax: '700s' }, [1, 2, 4, 8, 16, 32]],
    [{ retryBackoff: true, retryBackoffMax: '16s' }, [1, 2, 4, 8, 16, 16]],
  ])('of %j is %j seconds', (options, expected) => {
    expect(waits(options, expected.length)).toEqual(expected);
  });

  test('ends its doubling at 10 minutes by default', () => {
    expect(waits({}, 12).slice(9)).toEqual([512, 600, 600]);
  });

  test('is never more than its cap, however many retries there were', () => {
    fc.assert(
      fc.property(backoff, fc.nat(2_000), unit, ({ first, cap, jitter }, retries, drawn) => {
        const policy = retryPolicy({
          retryBackoff: first,
          retryBackoffMax: cap,
          retryJitter: jitter,
        });
        const wait = retryWait(policy, retries, () => drawn);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(cap);
      }),
    );
  });

  test('never shrinks from one retry to the next without jitter', () => {
    fc.assert(
      fc.property(backoff, fc.nat(100), ({ first, cap }, retries) => {
        const policy = retryPolicy({
          retryBackoff: first,
          retryBackoffMax: cap,
          retryJitter: false,
        });
        expect(retryWait(policy, retries + 1)).toBeGreaterThanOrEqual(retryWait(policy, retries));
      }),
    );
  });

  test('with jitter is drawn from 0 up to its full length, both included', () => {
    fc.assert(
      fc.property(backoff, fc.nat(20), unit, ({ first, cap }, retries, drawn) => {
        const policy = retryPolicy({ retryBackoff: first, retryBackoffMax: cap });
        const full = retryWait({ ...policy, jitter: false }, retries);
        const wait = retryWait(policy, retries, () => drawn);
        expect(Number.isInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(full);
        expect(retryWait(policy, retries, () => 0)).toBe(0);
        expect(retryWait(policy, retries, () => 1 - Number.EPSILON / 2)).toBe(full);
      }),
    );
  });

  test('with jitter grows with what is drawn', () => {
    const policy = retryPolicy({ retryBackoff: '4s' });
    const drawn = [0, 0.25, 0.5, 0.75].map((random) => retryWait(policy, 0, () => random));
    expect(drawn).toEqual([0, 1_000, 2_000, 3_000]);
  });

  test('that is fixed has no jitter', () => {
    expect(retryWait(retryPolicy({ retryDelay: 500 }), 0, () => 0)).toBe(500);
  });
});

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const backoff = fc.record({
  first: fc.integer({ min: 1, max: 1_000_000 }),
  cap: fc.integer({ min: 1, max: 10_000_000 }),
  jitter: fc.boolean(),
});

describe('the number of retries', () => {
  test('is 3 by default', () => {
    expect(retryPolicy({}).max).toBe(3);
    expect(retryPolicy({ maxRetries: 7 }).max).toBe(7);
  });

  test('is without limit where it is null', () => {
    fc.assert(
      fc.property(fc.nat(), (retries) => {
        expect(mayRetry(null, retries)).toBe(true);
      }),
    );
  });

  test('is reached when as many were made', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(100), (max, retries) => {
        expect(mayRetry(max, retries)).toBe(retries < max);
      }),
    );
  });
});

describe('an error', () => {
  class NetworkError extends Error {}
  class TimeoutError extends NetworkError {}
  class NotAnError {}

  test.each<[string, RetryOptions, unknown, boolean]>([
    ['is not retried by default', {}, new Error(), false],
    ['is retried where maxRetries is given', { maxRetries: 1 }, new Error(), true],
    ['is retried where there is no limit', { maxRetries: null }, new Error(), true],
    ['is not retried where maxRetries is 0', { maxRetries: 0 }, new Error(), false],
    ['is retried by its class', { retryFor: [NetworkError] }, new NetworkError(), true],
    ['is retried by a class above it', { retryFor: NetworkError }, new TimeoutError(), true],
    ['is not retried by a class below it', { retryFor: TimeoutError }, new NetworkError(), false],
    ['is retried by any of many', { retryFor: [RangeError, TypeError] }, new TypeError(), true],
    ['is retried by Error itself', { retryFor: Error }, new TypeError(), true],
    ['is not retried by an empty list', { retryFor: [], maxRetries: 5 }, new Error(), false],
    ['may be of a class that is no Error', { retryFor: NotAnError }, new NotAnError(), true],
    ['may be anything to a predicate', { retryFor: (e) => e === 'later' }, 'later', true],
    ['narrows maxRetries', { maxRetries: 5, retryFor: [RangeError] }, new Error(), false],
    ['is spared', { maxRetries: 5, dontRetryFor: [NetworkError] }, new TimeoutError(), false],
    ['beside it is not spared', { maxRetries: 5, dontRetryFor: [RangeError] }, new Error(), true],
    ['is spared above all', { retryFor: Error, dontRetryFor: () => true }, new Error(), false],
  ])('%s', (_what, options, error, expected) => {
    expect(retryPolicy(options).retries(error)).toBe(expected);
  });
});

describe('settings that cannot be', () => {
  test.each<[object, RegExp]>([
    [{ maxRetries: -1 }, /^maxRetries must be a whole number of at least 0, or null .* got -1$/],
    [{ maxRetries: 1.5 }, /got 1\.5$/],
    [{ maxRetries: Infinity }, /^maxRetries must be/],
    [{ retryDelay: 'soon' }, /^retryDelay must be a number of milliseconds .* got "soon"$/],
    [{ retryBackoff: -5 }, /^retryBackoff must be .* got -5$/],
    [{ retryBackoffMax: '5' }, /^retryBackoffMax must be/],
    [{ retryJitter: 1 }, /^retryJitter must be true or false, got 1$/],
    [{ retryFor: 'Error' }, /^retryFor must be an error class, an array .* got "Error"$/],
    [{ dontRetryFor: [Error, 5] }, /^dontRetryFor must be/],
  ])('are refused: %j', (options, message) => {
    expect(() => retryPolicy(options)).toThrow(ConfigError);
    expect(() => retryPolicy(options)).toThrow(message);
  });
});
