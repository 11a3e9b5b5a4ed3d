/** Retries: how often a task runs, after which errors, how long it waits, and what its caller is told. */
import {
  currentTask,
  EncodeError,
  Ignore,
  MaxRetriesExceededError,
  Reject,
  Retry,
  TaskFailedError,
  type TaskOptions,
  TaskRevokedError,
} from 'dtask';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { stage } from './own-stage.js';
import { rejection } from './rejection.js';
import { app } from './served-app.js';
import { messageKey } from './stage.js';

const soon = { timeout: '15s' } as const;
/** As soon as may be. */
const atOnce = { retryDelay: 1 } as const;
const atOnceAgain = { countdown: 1 } as const;

class NetworkError extends Error {}
class TimeoutError extends NetworkError {}
class PriceError extends Error {}

/** How often a task runs that fails with what `make` makes, until it fails for good. */
async function runsOf(name: string, options: TaskOptions, make: () => unknown): Promise<number> {
  let runs = 0;
  const failing = app.task(
    name,
    () => {
      runs += 1;
      throw make();
    },
    options,
  );
  await rejection(failing.delay().get(soon));
  return runs;
}

describe('a task that fails', () => {
  const plain = (): Error => new Error('no');

  test('runs once where no retries are asked for', async () => {
    expect(await runsOf('runs.once', {}, plain)).toBe(1);
    expect(await runsOf('runs.once.delay', atOnce, plain)).toBe(1);
  });

  test('runs maxRetries + 1 times, after any error', async () => {
    expect(await runsOf('runs.max', { maxRetries: 2, ...atOnce }, plain)).toBe(3);
    expect(await runsOf('runs.max.word', { maxRetries: 1, ...atOnce }, () => 'a word')).toBe(2);
    expect(await runsOf('runs.none', { maxRetries: 0, ...atOnce }, plain)).toBe(1);
  });

  test('runs 4 times by default where retryFor names its error', async () => {
    expect(await runsOf('runs.default', { retryFor: [Error], ...atOnce }, plain)).toBe(4);
  });

  test('runs without end where maxRetries is null, until it is well', async () => {
    const stubborn = app.task(
      'runs.endless',
      () => {
        if (currentTask().retries < 6) throw plain();
        return currentTask().retries;
      },
      { maxRetries: null, ...atOnce },
    );
    expect(await stubborn.delay().get(soon)).toBe(6);
  });

  test('is retried where retryFor names its class or one above it', async () => {
    const options = { retryFor: [NetworkError], maxRetries: 2, ...atOnce };
    expect(await runsOf('for.class', options, () => new NetworkError())).toBe(3);
    expect(await runsOf('for.subclass', options, () => new TimeoutError())).toBe(3);
    expect(await runsOf('for.other', options, () => new PriceError())).toBe(1);
    const single = { ...options, retryFor: NetworkError };
    expect(await runsOf('for.single', single, () => new TimeoutError())).toBe(3);
  });

  test('is retried where the predicate of retryFor says so', async () => {
    const retryFor = (error: unknown): boolean => (error as Error).message === 'later';
    const options = { retryFor, maxRetries: 1, ...atOnce };
    expect(await runsOf('for.predicate', options, () => new Error('later'))).toBe(2);
    expect(await runsOf('for.predicate.not', options, () => new Error('never'))).toBe(1);
  });

  test('is not retried where dontRetryFor names its error, whatever retryFor says', async () => {
    const options = {
      retryFor: [NetworkError],
      dontRetryFor: [TimeoutError],
      maxRetries: 2,
      ...atOnce,
    };
    expect(await runsOf('dont.class', options, () => new TimeoutError())).toBe(1);
    expect(await runsOf('dont.other', options, () => new NetworkError())).toBe(3);
    const predicate = { maxRetries: 2, dontRetryFor: () => true, ...atOnce };
    expect(await runsOf('dont.predicate', predicate, plain)).toBe(1);
  });

  test('whose filter throws fails with its own error, with a note of what the filter threw', async () => {
    const retryFor = (): boolean => {
      throw new TypeError('the filter is broken');
    };
    const task = app.task('filter.broken', () => Promise.reject(plain()), { retryFor, ...atOnce });
    const error = await rejection(task.delay().get(soon));
    expect(error).toMatchObject({
      errorName: 'Error',
      message: 'no',
      notes: ['retryFor threw TypeError: the filter is broken'],
    });
  });

  test('counts its retries from 0, and gives its value when it is well', async () => {
    const seen: number[] = [];
    const flaky = app.task(
      'counted',
      () => {
        seen.push(currentTask().retries);
        if (seen.length < 3) throw plain();
        return 'bar';
      },
      { maxRetries: 3, ...atOnce },
    );
    const result = await flaky.delay();
    expect(await result.get(soon)).toBe('bar');
    expect(await result.state()).toBe('SUCCESS');
    expect(seen).toEqual([0, 1, 2]);
  });

  test('for good gives its caller the last error with its stack', async () => {
    const failing = app.task(
      'last.error',
      function failing() {
        throw new PriceError(`run ${currentTask().retries}`, { cause: new Error('why') });
      },
      { maxRetries: 1, ...atOnce },
    );
    const result = await failing.delay();
    const error = await rejection<TaskFailedError>(result.get(soon));
    expect(error).toMatchObject({ errorName: 'PriceError', message: 'run 1' });
    expect(error.remoteStack).toMatch(/failing .*retry\.test\.ts:\d+/);
    expect(error.cause).toMatchObject({ cause: { message: 'why' } });
    expect(await result.state()).toBe('FAILURE');
  });
});

describe('between two runs', () => {
  test('the state is RETRY; the message keeps priority, headers and the rest', async () => {
    const failing = app.task('state.retry', () => Promise.reject(new Error('later')), {
      maxRetries: 1,
      retryDelay: '1h',
    });
    const headers = { 'x-test-header': 'value' };
    const result = await failing.applyAsync([], { priority: 7, headers, expires: '2h' });
    await eventually(() => result.state()).toBe('RETRY');
    expect(await result.ready()).toBe(false);
    const message = await stage.redis.hgetall(messageKey(app, 'default', result.id));
    expect(message).toMatchObject({ priority: '7', name: 'state.retry' });
    expect(JSON.parse(message['data'] ?? '')).toMatchObject({ headers });
    expect(await app.queues.counts('default')).toMatchObject({ delayed: 1 });
    expect(await result.revoke()).toBe(true);
    expect(await result.state()).toBe('REVOKED');
  });

  test('a progress that was reported gives way to RETRY', async () => {
    const failing = app.task(
      'state.retry.progress',
      async () => {
        await currentTask().progress(50);
        throw new Error('later');
      },
      { maxRetries: 1, retryDelay: '1h' },
    );
    const result = await failing.delay();
    await eventually(() => result.state()).toBe('RETRY');
    await result.revoke();
  });

  test('the wait is retryDelay, never less', async () => {
    const times = await runTimes('wait.fixed', { maxRetries: 1, retryDelay: 200 });
    expect(gaps(times)[0]).toBeGreaterThanOrEqual(200);
  });

  test('the wait doubles with retryBackoff, up to retryBackoffMax', async () => {
    const options = { maxRetries: 4, retryBackoff: 40, retryBackoffMax: 150, retryJitter: false };
    const waits = gaps(await runTimes('wait.doubled', options));
    expect(waits).toHaveLength(4);
    for (const [index, least] of [40, 80, 150, 150].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(least);
    }
  });

  test('a call that expires is given up', async () => {
    const failing = app.task('expires.between', () => Promise.reject(new Error('later')), {
      maxRetries: 1,
      retryDelay: 400,
    });
    const result = await failing.applyAsync([], { expires: 350 });
    expect(await rejection(result.get(soon))).toBeInstanceOf(TaskRevokedError);
    expect(await result.state()).toBe('REVOKED');
  });
});

/** When each run of a task that fails for good began. */
async function runTimes(name: string, options: TaskOptions): Promise<number[]> {
  const times: number[] = [];
  await runsOf(name, options, () => {
    times.push(Date.now());
    return new Error('no');
  });
  return times;
}

const gaps = (times: readonly number[]): number[] =>
  times.slice(1).map((time, index) => time - (times[index] ?? Number.NaN));

describe('Retry and currentTask().retry()', () => {
  test('run the task again, even where no retries were asked for', async () => {
    const once = app.task('retry.once', () => {
      const { retries } = currentTask();
      if (retries === 0) throw new Retry({ countdown: 1 });
      return retries;
    });
    expect(await once.delay().get(soon)).toBe(1);
    const byContext = app.task('retry.context', () => {
      const context = currentTask();
      if (context.retries === 0) context.retry({ countdown: 1 });
      return context.retries;
    });
    expect(await byContext.delay().get(soon)).toBe(1);
  });

  test('wait for their countdown or eta', async () => {
    const begun: number[] = [];
    const patient = app.task('retry.patient', (how: 'countdown' | 'eta') => {
      begun.push(Date.now());
      if (currentTask().retries > 0) return;
      throw new Retry(how === 'eta' ? { eta: new Date(Date.now() + 200) } : { countdown: '200ms' });
    });
    await patient.delay('countdown').get(soon);
    await patient.delay('eta').get(soon);
    const [first = 0, second = 0, third = 0, fourth = 0] = begun;
    expect(second - first).toBeGreaterThanOrEqual(200);
    expect(fourth - third).toBeGreaterThanOrEqual(199);
  });

  test('may change the arguments of the next run', async () => {
    const walk = app.task('retry.args', (at: number, to: Set<number>): number => {
      if (!to.has(at)) throw new Retry({ args: [at + 1, to], countdown: 1 });
      return at;
    });
    expect(await walk.delay(1, new Set([3])).get(soon)).toBe(3);
  });

  test('with arguments that cannot travel fail the task, and say so', async () => {
    const bad = app.task('retry.args.bad', () => {
      throw new Retry({ ...atOnceAgain, args: [() => 1] });
    });
    const error = await rejection(bad.delay().get(soon));
    expect(error).toBeInstanceOf(EncodeError);
    expect(error.message).toMatch(/^args\[0\]: is a function/);
  });

  test('end with the error that they carry when no retry is left', async () => {
    let runs = 0;
    const fetch = app.task('retry.error', () => {
      runs += 1;
      currentTask().retry({ error: new NetworkError('429'), countdown: 1, maxRetries: 2 });
    });
    const error = await rejection<TaskFailedError>(fetch.delay().get(soon));
    expect(error).toBeInstanceOf(TaskFailedError);
    expect(error).toMatchObject({ errorName: 'NetworkError', message: '429' });
    expect(error.remoteStack).toMatch(/429\n.*retry\.test\.ts/);
    expect(runs).toBe(3);
  });

  test('end with MaxRetriesExceededError where they carry none, after 3 retries by default', async () => {
    let runs = 0;
    const endless = app.task('retry.endless', () => {
      runs += 1;
      throw new Retry({ countdown: 1 });
    });
    const result = await endless.delay();
    const error = await rejection(result.get(soon));
    expect(error).toBeInstanceOf(MaxRetriesExceededError);
    expect(error.message).toBe(
      `task retry.endless[${result.id}] asked for a retry after its last one (maxRetries is 3)`,
    );
    expect(runs).toBe(4);
  });

  test('stand above dontRetryFor', async () => {
    const again = app.task(
      'retry.above',
      () => {
        if (currentTask().retries === 0) throw new Retry({ countdown: 1 });
        return 'again';
      },
      { dontRetryFor: [Error] },
    );
    expect(await again.delay().get(soon)).toBe('again');
  });

  test('with a countdown that is none fail the task with what is wrong', async () => {
    const wrong = app.task('retry.wrong', () => {
      throw new Retry({ countdown: 'soon' as unknown as number });
    });
    const error = await rejection(wrong.delay().get(soon));
    expect(error).toMatchObject({ errorName: 'ConfigError' });
    expect(error.message).toContain('countdown must be a number of milliseconds');
  });
});

describe('Ignore', () => {
  test('ends a task without a result, and nobody waits for ever', async () => {
    let runs = 0;
    const skip = app.task(
      'ignore',
      () => {
        runs += 1;
        throw new Ignore('not today');
      },
      { maxRetries: 3, ...atOnce },
    );
    const result = await skip.delay();
    expect(await result.get(soon)).toBeUndefined();
    expect(await result.state()).toBe('IGNORED');
    expect(await result.ready()).toBe(true);
    expect(await result.failed()).toBe(false);
    expect(await result.successful()).toBe(false);
    expect(runs).toBe(1);
  });
});

describe('Reject', () => {
  test('fails a task without a retry, and keeps it with the failed ones', async () => {
    const own = stage.app();
    let runs = 0;
    const refuse = own.task(
      'reject',
      () => {
        runs += 1;
        throw new Reject('not a picture');
      },
      { maxRetries: 3, ...atOnce },
    );
    await stage.worker(own);
    const result = await refuse.delay();
    const error = await rejection(result.get(soon));
    expect(error).toBeInstanceOf(Reject);
    expect(error.message).toBe('not a picture');
    expect(await result.state()).toBe('FAILURE');
    await eventually(() => own.queues.counts('default')).toMatchObject({ active: 0, failed: 1 });
    expect(runs).toBe(1);
  });

  test('with requeue puts the message back, and it may go well then', async () => {
    const retries: number[] = [];
    const picky = app.task('reject.requeue', () => {
      retries.push(currentTask().retries);
      if (retries.length === 1) throw new Reject('busy', { requeue: true });
      return 'second-pass';
    });
    const result = await picky.delay();
    expect(await result.get(soon)).toBe('second-pass');
    expect(await result.state()).toBe('SUCCESS');
    // It was given back, which is no retry.
    expect(retries).toEqual([0, 0]);
  });
});
