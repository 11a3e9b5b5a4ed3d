/** Celery's facts on tasks and retries, as its own tests state them; the number is that of the fact. */
import { currentTask, Reject, type TaskOptions } from 'dtask';
import { describe, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { app } from '../behaviour/own-app.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection, thrown } from '../behaviour/rejection.js';
import { messageKey } from '../behaviour/stage.js';

const soon = { timeout: '20s' } as const;

class ExpectedError extends Error {}

/** A worker with one slot, which four tasks keep busy until the gate opens. */
async function busyWorker(): Promise<Gate> {
  const gate = new Gate();
  const slow = app.task('slow', () => gate.passed);
  await stage.worker(app, { concurrency: 1 });
  await Promise.all([1, 2, 3, 4].map(() => slow.delay()));
  await eventually(async () => (await app.queues.counts('default')).active).toBe(1);
  return gate;
}

describe('a task', () => {
  it.each([
    ['a span', () => 100],
    ['a moment', () => new Date(Date.now() + 100)],
  ])('57: that expires behind four slow ones, given %s, is revoked', async (_what, expires) => {
    const identity = app.task('identity', (x: number) => x);
    const gate = await busyWorker();
    const result = await identity.applyAsync([1], { expires: expires() });
    const over = Date.now() + 150;
    await eventually(() => Date.now() > over).toBe(true);
    gate.open();
    expect(await rejection(result.get(soon))).toMatchObject({ name: 'TaskRevokedError' });
    expect(await result.state()).toBe('REVOKED');
    expect(await result.ready()).toBe(true);
    expect(await result.failed()).toBe(false);
    expect(await result.successful()).toBe(false);
  });

  it('58: with a countdown, or an eta, is PENDING until then, and runs behind it', async () => {
    const double = app.task('double', (x: number) => [x * 2, Date.now()] as const);
    await stage.worker(app);
    const due = Date.now() + 700;
    const one = await double.applyAsync([1], { countdown: 700 });
    const other = await double.applyAsync([2], { eta: new Date(due) });
    expect(await one.state()).toBe('PENDING');
    expect(await other.state()).toBe('PENDING');
    for (const [result, value] of [
      [one, 2],
      [other, 4],
    ] as const) {
      const [got, at] = await result.get(soon);
      expect(got).toBe(value);
      expect(at).toBeGreaterThanOrEqual(due);
    }
  });

  it('59: that is revoked while it is queued has ended as REVOKED, and has not failed', async () => {
    const identity = app.task('identity', (x: number) => x);
    const gate = await busyWorker();
    const result = await identity.delay(1);
    expect(await result.revoke()).toBe(true);
    expect(await rejection(result.get(soon))).toMatchObject({ name: 'TaskRevokedError' });
    expect(await result.state()).toBe('REVOKED');
    expect(await result.ready()).toBe(true);
    expect(await result.failed()).toBe(false);
    gate.open();
  });

  it('61: with wrong arguments is refused at its caller; where that has no code, it fails', async () => {
    const add = app.task('add', (x: number, y: number) => x + y);
    const wrong = { name: 'ArgumentsError' };
    // @ts-expect-error -- one too many
    expect(await rejection(add.delay(5, 5, 5))).toMatchObject(wrong);
    expect((await app.queues.counts('default')).waiting).toBe(0);
    await stage.worker(app);
    const sent = await app.sendTask('add', [5, 5, 5]);
    expect(await rejection(sent.get(soon))).toMatchObject(wrong);
    expect(await sent.state()).toBe('FAILURE');
  });

  it('62: is RETRY between its attempts, then fails with its error, or succeeds', async () => {
    const gate = new Gate();
    const flaky = app.task(
      'flaky',
      async (value: string | null) => {
        const { retries } = currentTask();
        if (retries === 1) await gate.passed;
        if (retries < 2 || value === null) throw new ExpectedError(`attempt ${retries + 1}`);
        return value;
      },
      { maxRetries: 2, retryDelay: 200 },
    );
    await stage.worker(app);
    const [bad, good] = await Promise.all([flaky.delay(null), flaky.delay('bar')]);
    await eventually(() => bad.state()).toBe('RETRY');
    gate.open();
    expect(await rejection(bad.get(soon))).toMatchObject({
      errorName: 'ExpectedError',
      message: 'attempt 3',
    });
    expect(await bad.state()).toBe('FAILURE');
    expect(await good.get(soon)).toBe('bar');
    expect(await good.state()).toBe('SUCCESS');
  });

  it('63: that is retried keeps its priority, its headers and its expiry', async () => {
    const again = app.task(
      'again',
      () => {
        const { retries, headers, expires } = currentTask();
        if (retries === 0) throw new ExpectedError();
        return { retries, headers, expires };
      },
      { maxRetries: 1, retryDelay: 300 },
    );
    await stage.worker(app);
    const expires = new Date(Date.now() + 60_000);
    const headers = { 'x-test-header': 'yes' };
    const result = await again.applyAsync([], { priority: 7, headers, expires });
    await eventually(() => result.state()).toBe('RETRY');
    const key = messageKey(app, 'default', result.id);
    expect(await stage.redis.hget(key, 'priority')).toBe('7');
    expect(await result.get(soon)).toEqual({ retries: 1, headers, expires });
  });

  it('65: that rejects its message to the queue gets it again, and may succeed', async () => {
    let passes = 0;
    const task = app.task('second', () => {
      passes += 1;
      if (passes === 1) throw new Reject('not now', { requeue: true });
      return 'second-pass';
    });
    await stage.worker(app);
    expect(await task.delay().get(soon)).toBe('second-pass');
    expect(passes).toBe(2);
  });
});

describe('retries', () => {
  /** The waits, in seconds, before each of some retries. */
  async function waits(options: TaskOptions, maxRetries: number): Promise<number[]> {
    const seen: number[] = [];
    const failing = app.task(
      `failing-${JSON.stringify(options)}`,
      () => {
        throw new ExpectedError();
      },
      { ...options, maxRetries, retryJitter: false },
    );
    const off = app.on('taskRetry', ({ wait }) => void seen.push(wait / 1_000));
    await rejection(failing.apply([]).get());
    off();
    return seen;
  }

  it('69: wait as long as their backoff says', async () => {
    expect(await waits({ retryBackoff: true }, 4)).toEqual([1, 2, 4, 8]);
    expect(await waits({ retryBackoff: '2s' }, 4)).toEqual([2, 4, 8, 16]);
    expect(await waits({ retryBackoff: false }, 2)).toEqual([180, 180]);
    expect(await waits({ retryBackoff: true, retryBackoffMax: '700s' }, 6)).toEqual([
      1, 2, 4, 8, 16, 32,
    ]);
    expect(await waits({ retryBackoff: true, retryBackoffMax: '16s' }, 6)).toEqual([
      1, 2, 4, 8, 16, 16,
    ]);
  });

  it('71: are as many as the call says, else the task; what is not to be retried is not', async () => {
    let runs = 0;
    const make = (name: string, options: TaskOptions) =>
      app.task(
        name,
        () => {
          runs += 1;
          throw new ExpectedError();
        },
        { retryDelay: 0, ...options },
      );
    const runsOf = async (sent: PromiseLike<{ get(): Promise<unknown> }>): Promise<number> => {
      runs = 0;
      const result = await sent;
      await rejection(result.get());
      return runs;
    };
    await stage.worker(app);
    const three = make('three', { retryFor: ExpectedError, maxRetries: 3 });
    expect(await runsOf(three.applyAsync([], { maxRetries: 5 }))).toBe(6);
    const never = make('never', { retryFor: Error, dontRetryFor: ExpectedError });
    expect(await runsOf(never.delay())).toBe(1);
    expect(await runsOf(make('default', { retryFor: ExpectedError }).delay())).toBe(4);
  });
});

describe('time limits', () => {
  it('T9: of which the soft one is not below the hard one are refused, when declared and by call', async () => {
    const wrong = { name: 'ConfigError' };
    const limits = { softTimeLimit: '2s', timeLimit: '1s' } as const;
    expect(thrown(() => app.task('bad', () => 1, limits))).toMatchObject(wrong);
    const fine = app.task('fine', () => 1);
    expect(await rejection(fine.applyAsync([], limits))).toMatchObject(wrong);
  });
});

describe('revoking', () => {
  it('W8: a task that waits for its time ends it at once', async () => {
    const identity = app.task('identity', (x: number) => x);
    await stage.worker(app);
    const result = await identity.applyAsync([1], { countdown: '1h' });
    const waiting = rejection(result.get(soon));
    await app.control.revoke(result.id, soon);
    expect(await waiting).toMatchObject({ name: 'TaskRevokedError' });
    expect(await result.state()).toBe('REVOKED');
  });
});
