/** What follows when a task throws, for everything that it can throw. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { notesOf } from '../codec/index.js';
import { ArgumentsError } from '../errors.js';
import { Ignore, MaxRetriesExceededError, Reject, Retry } from '../steering.js';
import { type RetryOptions, retryPolicy } from './retry-policy.js';
import { type Circumstances, judge } from './verdict.js';

/** A task that is retried after any error, up to three times, at full length. */
const willing: RetryOptions = { maxRetries: 3, retryJitter: false };

function at(options: RetryOptions, given: Partial<Circumstances> = {}): Circumstances {
  const policy = retryPolicy(options);
  const known = { id: 'id-1', name: 'shop.pay', retries: 0, override: undefined, now: 1_000_000 };
  return { ...known, policy, ...given };
}

describe('a filter', () => {
  const error = new RangeError('the task itself');
  const broken = (): never => {
    throw new TypeError('broken');
  };

  test.each(['retryFor', 'dontRetryFor'])('%s that throws leaves the error of the task', (name) => {
    const verdict = judge(error, at({ maxRetries: 3, [name]: broken }));
    expect(verdict).toMatchObject({ kind: 'fail', beside: { callback: name } });
    expect('error' in verdict && verdict.error).toBe(error);
    expect(notesOf(error)).toContain(`${name} threw TypeError: broken`);
  });

  test('that gives a promise is refused: it would retry every error', () => {
    const promised = { retryFor: (() => Promise.reject(error)) as never };
    expect(judge(error, at(promised))).toMatchObject({ kind: 'fail', error });
  });

  test('is not in the way of what a task throws to steer', () => {
    const place = at({ retryFor: broken, dontRetryFor: broken });
    expect(judge(new Ignore(), place).kind).toBe('ignore');
    expect(judge(new Retry(), place).kind).toBe('retry');
    expect(judge(new ArgumentsError('no'), place)).not.toHaveProperty('beside');
  });
});

describe('what a task throws', () => {
  test('that cannot even be looked at is judged as any error', () => {
    const trap = (): never => {
      throw new TypeError('trapped');
    };
    const hostile = new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap });
    for (const [retries, kind] of [
      [0, 'retry'],
      [3, 'fail'],
    ] as const) {
      const verdict = judge(hostile, at(willing, { retries }));
      expect(verdict.kind).toBe(kind);
      expect('error' in verdict && verdict.error === hostile).toBe(true);
    }
  });
});

describe('an error', () => {
  const error = new Error('no');

  test('is retried with the wait of its turn, until the last retry was made', () => {
    const verdicts = [0, 1, 2, 3].map((retries) => judge(error, at(willing, { retries })));
    expect(verdicts).toEqual([
      { kind: 'retry', wait: 1_000, error },
      { kind: 'retry', wait: 2_000, error },
      { kind: 'retry', wait: 4_000, error },
      { kind: 'fail', error },
    ]);
  });

  test('fails a task that does not ask for retries', () => {
    expect(judge(error, at({}))).toEqual({ kind: 'fail', error });
  });

  test('of wrong arguments is never retried', () => {
    const wrong = new ArgumentsError('args[0] must be a number');
    expect(judge(wrong, at({ ...willing, retryFor: Error }))).toEqual({
      kind: 'fail',
      error: wrong,
    });
  });

  test('may be anything that can be thrown', () => {
    fc.assert(
      fc.property(fc.anything(), fc.nat(10), (thrown, retries) => {
        const verdict = judge(thrown, at(willing, { retries }));
        expect(verdict.kind).toBe(retries < 3 ? 'retry' : 'fail');
        expect('error' in verdict && Object.is(verdict.error, thrown)).toBe(true);
      }),
    );
  });

  test('is retried as the call says, not as the task says', () => {
    const override = { max: 1, delay: 70, backoff: 0 };
    expect(judge(error, at(willing, { override }))).toEqual({ kind: 'retry', wait: 70, error });
    expect(judge(error, at(willing, { override, retries: 1 }))).toEqual({ kind: 'fail', error });
  });

  test('is retried where the call alone asks for it', () => {
    const override = { max: 2, delay: 5, backoff: 0 };
    expect(judge(error, at({}, { override }))).toMatchObject({ kind: 'retry', wait: 5 });
    expect(judge(error, at({}, { override: { max: null } }))).toMatchObject({ kind: 'retry' });
    expect(judge(error, at({}, { override: { max: 0 } }))).toEqual({ kind: 'fail', error });
    expect(judge(error, at({}, { override: { delay: 5 } }))).toEqual({ kind: 'fail', error });
  });

  test('that the task does not retry is not retried because of the call', () => {
    const picky = { retryFor: [RangeError] };
    expect(judge(error, at(picky, { override: { max: 2 } }))).toEqual({ kind: 'fail', error });
  });
});

describe('Retry', () => {
  test('is heeded without retry settings, with their default wait', () => {
    const retry = new Retry();
    const full = judge(retry, at({}), () => 0.999_999);
    expect(full).toEqual({ kind: 'retry', wait: 1_000, error: retry });
    expect(judge(retry, at({}), () => 0)).toMatchObject({ wait: 0 });
  });

  test.each<[string, ConstructorParameters<typeof Retry>[0], number]>([
    ['its countdown', { countdown: '30s' }, 30_000],
    ['a countdown of 0', { countdown: 0 }, 0],
    ['its eta', { eta: new Date(1_002_500) }, 2_500],
    ['an eta that has passed', { eta: new Date(5) }, 0],
  ])('waits for %s', (_what, request, wait) => {
    expect(judge(new Retry(request), at(willing))).toMatchObject({ kind: 'retry', wait });
  });

  test('carries the arguments and the error that it was given', () => {
    const error = new Error('429');
    const verdict = judge(new Retry({ args: [2], error, countdown: 1 }), at({}));
    expect(verdict).toEqual({ kind: 'retry', wait: 1, error, args: [2] });
    expect(judge(new Retry({ countdown: 1 }), at({}))).not.toHaveProperty('args');
  });

  test('may be made as often as it says itself', () => {
    const retry = new Retry({ maxRetries: 5, countdown: 1 });
    expect(judge(retry, at(willing, { retries: 4 })).kind).toBe('retry');
    expect(judge(retry, at(willing, { retries: 5 })).kind).toBe('fail');
    const endless = new Retry({ maxRetries: null, countdown: 1 });
    expect(judge(endless, at(willing, { retries: 1_000 })).kind).toBe('retry');
  });

  test('too many fails with its error, else with MaxRetriesExceededError', () => {
    const error = new Error('429');
    const last = at(willing, { retries: 3 });
    expect(judge(new Retry({ error }), last)).toEqual({ kind: 'fail', error });
    const verdict = judge(new Retry(), last);
    expect(verdict).toMatchObject({ kind: 'fail', error: expect.any(MaxRetriesExceededError) });
    expect('error' in verdict && String(verdict.error)).toContain(
      'task shop.pay[id-1] asked for a retry after its last one (maxRetries is 3)',
    );
  });

  test('stands above dontRetryFor', () => {
    const verdict = judge(new Retry({ countdown: 1 }), at({ dontRetryFor: () => true }));
    expect(verdict.kind).toBe('retry');
  });
});

describe('Ignore and Reject', () => {
  test('stand above all retry settings', () => {
    const rejected = new Reject('not a picture');
    fc.assert(
      fc.property(fc.nat(10), fc.option(fc.nat(10)), (retries, maxRetries) => {
        const place = at({ maxRetries, retryFor: Error }, { retries });
        expect(judge(new Ignore(), place)).toEqual({ kind: 'ignore' });
        expect(judge(rejected, place)).toEqual({ kind: 'fail', error: rejected });
        expect(judge(new Reject('', { requeue: true }), place)).toEqual({ kind: 'requeue' });
      }),
    );
  });
});
