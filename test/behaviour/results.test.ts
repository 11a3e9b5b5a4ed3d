/** Waiting for results: in time or not, here or elsewhere, once or again, of what went well and what did not. */
import {
  BrokerError,
  currentTask,
  group,
  ResultTimeoutError,
  TaskFailedError,
  TaskRevokedError,
  UnknownTaskError,
} from 'dtask';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { Gate } from './gate.js';
import { stage } from './own-stage.js';
import { runProgram } from './program.js';
import { rejection } from './rejection.js';
import { app } from './served-app.js';
import { resultKey } from './stage.js';

const soon = { timeout: '10s' } as const;
/** A stored result needs no wait; this is for a busy machine. */
const stored = { timeout: '4s' } as const;

describe('get()', () => {
  test('with a timeout that is longer than a timer can be waits for the end', async () => {
    const gate = new Gate();
    const slow = app.task('get.month', async () => {
      await gate.passed;
      return 'there';
    });
    const [alone, both] = [slow.delay(), group(slow.s(), slow.s()).delay()];
    const got = Promise.all([alone.get({ timeout: '30d' }), both.get({ timeout: '5w' })]);
    await alone;
    gate.open();
    expect(await got).toEqual(['there', ['there', 'there']]);
  });

  test('with a timeout gives up in time, and the task goes on for a later get()', async () => {
    const gate = new Gate();
    const slow = app.task('get.timeout', async () => {
      await gate.passed;
      return 'late';
    });
    const result = await slow.delay();
    const error = await rejection(result.get({ timeout: 100 }));
    expect(error).toBeInstanceOf(ResultTimeoutError);
    expect(error.message).toBe(
      `task get.timeout[${result.id}] gave no result within 100ms: it is STARTED in queue default; worker worker-0 takes from that queue and has the task; get() may be called again`,
    );
    gate.open();
    expect(await result.get(soon)).toBe('late');
  });

  test('with a signal ends with the reason of its abort', async () => {
    const result = await app.sendTask('get.signal', [], { queue: 'idle' });
    const controller = new AbortController();
    const waiting = rejection(result.get({ signal: controller.signal }));
    const reason = new Error('the user left');
    controller.abort(reason);
    expect(await waiting).toBe(reason);
    expect(await rejection(result.get({ signal: controller.signal }))).toBe(reason);
    expect(await rejection(result.get({ signal: AbortSignal.timeout(20) }))).toMatchObject({
      name: 'TimeoutError',
    });
  });

  test('by several at a time ends for each of them, whichever gave up before', async () => {
    const gate = new Gate();
    const shared = app.task('get.shared', async () => {
      await gate.passed;
      return 'for all';
    });
    const result = await shared.delay();
    const leave = [0, 1, 2].map(() => new AbortController());
    const leaving = leave.map(({ signal }) => rejection(result.get({ signal })));
    const staying = [result.get(soon), app.result(result.id).get(soon)];
    // The last, the first and the one between: where they stand must not matter.
    for (const at of [2, 0, 1]) {
      staying.push(result.get(soon));
      leave[at]!.abort(new Error(`left ${at}`));
      expect((await leaving[at])!.message).toBe(`left ${at}`);
    }
    gate.open();
    expect(await Promise.all(staying)).toEqual(staying.map(() => 'for all'));
  });

  test('with propagate: false gives the error', async () => {
    const fail = app.task('get.quiet', () => {
      throw new Error('broken');
    });
    const error = await fail.delay().get({ propagate: false, ...soon });
    expect(error).toBeInstanceOf(TaskFailedError);
    const value = app.task('get.quiet.value', () => 5);
    expect(await value.delay().get({ propagate: false, ...soon })).toBe(5);
  });

  test('of a task that ended before it was asked for has the result', async () => {
    const quick = app.task('get.late', () => 'done');
    const result = await quick.delay();
    await eventually(() => stage.redis.exists(resultKey(app, result.id))).toBe(1);
    expect(await result.get(stored)).toBe('done');
  });

  test('with a signal has the result that was there before, and leaves the signal alone', async () => {
    const quick = app.task('get.late.signal', () => 'done');
    await quick.delay().get(soon);
    const result = await quick.delay();
    await eventually(() => result.ready()).toBe(true);
    const controller = new AbortController();
    expect(await result.get({ signal: controller.signal, ...stored })).toBe('done');
    controller.abort();
    expect(await result.get(stored)).toBe('done');
  });

  test('may be called again after it gave the value', async () => {
    const quick = app.task('get.again', () => ({ list: [1] }));
    const result = await quick.delay();
    expect(await result.get(soon)).toEqual({ list: [1] });
    expect(await result.get(stored)).toEqual({ list: [1] });
    expect(await result.get(stored)).toEqual({ list: [1] });
  });

  test('may be called again after it threw the error', async () => {
    const fail = app.task('get.again.error', () => {
      throw new Error('still broken');
    });
    const result = await fail.delay();
    expect((await rejection(result.get(soon))).message).toBe('still broken');
    expect((await rejection(result.get(stored))).message).toBe('still broken');
  });

  test('called twice at a time gives both the value', async () => {
    const gate = new Gate();
    const slow = app.task('get.twice', async () => {
      await gate.passed;
      return 'both';
    });
    const sent = slow.delay();
    const waiting = [sent.get(soon), sent.get(soon), app.result(sent.id).get(soon)];
    await eventually(() => app.result(sent.id).state()).toBe('STARTED');
    gate.open();
    expect(await Promise.all(waiting)).toEqual(['both', 'both', 'both']);
  });

  test('is rejected when the App is closed, while it waits and after', async () => {
    const own = stage.app();
    const result = await own.sendTask('get.closed');
    const waiting = rejection(result.get());
    await own.close();
    const error = await waiting;
    expect(error).toBeInstanceOf(BrokerError);
    expect(error.message).toBe('the App was closed while get() waited');
    expect(await rejection(result.get())).toBeInstanceOf(BrokerError);
    expect(await rejection(result.state())).toBeInstanceOf(BrokerError);
  });

  test('keeps a hundred callers in one process apart', async () => {
    const echo = app.task('get.many', (x: number) => x);
    const values = Array.from({ length: 100 }, (_, x) => x);
    expect(await Promise.all(values.map((x) => echo.delay(x).get(soon)))).toEqual(values);
  });
});

describe('app.result(id)', () => {
  test('gives in another process what the task returned', async () => {
    const square = app.task('elsewhere', (x: number) => x * x);
    const { id } = await square.delay(7);
    const { stdout, stderr, code } = await runProgram('ask-result.mjs', [
      stage.engine.url,
      app.config.prefix,
      id,
    ]);
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expect(JSON.parse(stdout)).toEqual({ value: 49, state: 'SUCCESS', ready: true });
  });

  test('waits for a task that has not ended', async () => {
    const gate = new Gate();
    const slow = app.task('elsewhere.waiting', async () => {
      await gate.passed;
      return 'done';
    });
    const sent = await slow.delay();
    const other = stage.app({ prefix: app.config.prefix });
    const waiting = other.result(sent.id).get(soon);
    await eventually(() => other.result(sent.id).state()).toBe('STARTED');
    gate.open();
    expect(await waiting).toBe('done');
  });

  test('refuses what is no id', () => {
    expect(() => app.result('')).toThrow('result() takes a task\'s id, got ""');
    expect(() => app.result(5 as unknown as string)).toThrow('got 5');
  });
});

describe('a task that fails', () => {
  class PriceError extends Error {
    readonly status = 503;
  }

  test('gives its caller the error with its name, message, cause and stack', async () => {
    const buy = app.task('fail.rich', function buy() {
      throw new PriceError('no price', {
        cause: new TypeError('no list', { cause: new Error('no disk') }),
      });
    });
    const result = await buy.delay();
    const error = await rejection<TaskFailedError>(result.get(soon));
    expect(error).toBeInstanceOf(TaskFailedError);
    expect(error).toMatchObject({
      code: 'TASK_FAILED',
      message: 'no price',
      errorName: 'PriceError',
      taskName: 'fail.rich',
      taskId: result.id,
    });
    expect(error.remoteStack).toMatch(/no price\n\s+at \S*buy .*results\.test\.ts:\d+/);
    expect(error.stack).toContain(`--- in the worker, task fail.rich[${result.id}] ---`);
    expect(error.stack).toContain(error.remoteStack);
    expect(error.cause).toMatchObject({ name: 'PriceError', message: 'no price', status: 503 });
    const { cause } = error.cause as Error;
    expect(cause).toBeInstanceOf(TypeError);
    expect(cause).toMatchObject({ message: 'no list', cause: { message: 'no disk' } });
  });

  test('keeps the errors within an AggregateError', async () => {
    const many = app.task('fail.many', () => {
      throw new AggregateError([new Error('one'), new RangeError('two')], 'both failed');
    });
    const error = await rejection<TaskFailedError>(many.delay().get(soon));
    expect(error.cause).toBeInstanceOf(AggregateError);
    const { errors } = error.cause as AggregateError;
    expect(errors.map(String)).toEqual(['Error: one', 'RangeError: two']);
    expect(errors[1]).toBeInstanceOf(RangeError);
  });

  test.each([
    ['a string', 'just words', 'just words', 'string'],
    ['undefined', undefined, 'undefined', 'undefined'],
    ['null', null, 'null', 'object'],
    ['an object', { code: 7 }, '[object Object]', 'object'],
  ])('may throw %s', async (what, value, message, errorName) => {
    const odd = app.task(`fail.odd.${what.replaceAll(' ', '-')}`, () => {
      throw value;
    });
    const error = await rejection(odd.delay().get(soon));
    expect(error).toBeInstanceOf(TaskFailedError);
    expect(error).toMatchObject({ message, errorName, cause: value });
  });

  test('is kept in its queue with the failed ones', async () => {
    const own = stage.app();
    own.task('fail.kept', () => {
      throw new Error('kept');
    });
    await stage.worker(own);
    await rejection(own.sendTask('fail.kept').get(soon));
    await eventually(() => own.queues.counts('default')).toEqual({
      waiting: 0,
      delayed: 0,
      active: 0,
      failed: 1,
    });
  });
});

describe('what is known of a task', () => {
  test('that was never sent is nothing: UNKNOWN, and it does not exist', async () => {
    const result = app.result('never-sent');
    expect(await result.state()).toBe('UNKNOWN');
    expect(await result.exists()).toBe(false);
    expect(await result.ready()).toBe(false);
    expect(await result.info()).toBeUndefined();
    expect(await result.result()).toBeUndefined();
    expect(await result.revoke()).toBe(false);
  });

  test('goes from PENDING over STARTED to SUCCESS', async () => {
    const own = stage.app();
    const gate = new Gate();
    const slow = own.task('states', async () => {
      await gate.passed;
      return 'value';
    });
    const result = await slow.delay();
    expect(await result.state()).toBe('PENDING');
    expect(await result.exists()).toBe(true);
    expect(await result.ready()).toBe(false);
    expect(await own.result(result.id).state()).toBe('PENDING');
    await stage.worker(own);
    await eventually(() => result.state()).toBe('STARTED');
    expect(await result.ready()).toBe(false);
    expect(await result.result()).toBeUndefined();
    gate.open();
    await result.get(soon);
    expect(await result.state()).toBe('SUCCESS');
    expect(await result.ready()).toBe(true);
    expect(await result.successful()).toBe(true);
    expect(await result.failed()).toBe(false);
    expect(await result.info()).toBe('value');
    expect(await result.result()).toBe('value');
  });

  test('that failed is FAILURE, with the error as its info and result', async () => {
    const fail = app.task('states.failure', () => {
      throw new Error('no');
    });
    const result = await fail.delay();
    await rejection(result.get(soon));
    expect(await result.state()).toBe('FAILURE');
    expect(await result.ready()).toBe(true);
    expect(await result.failed()).toBe(true);
    expect(await result.successful()).toBe(false);
    expect(await result.info()).toBeInstanceOf(TaskFailedError);
    expect(await result.result()).toBeInstanceOf(TaskFailedError);
  });

  test('is what dtask says, where dtask ended it', async () => {
    const result = await app.sendTask('states.unknown.task');
    expect(await rejection(result.get(soon))).toBeInstanceOf(UnknownTaskError);
    expect(await result.info()).toBeInstanceOf(UnknownTaskError);
  });
});

describe('forget()', () => {
  test('deletes the result', async () => {
    const quick = app.task('forget', () => 'value');
    const result = await quick.delay();
    await result.get(soon);
    expect(await result.forget()).toBe(true);
    expect(await stage.redis.exists(resultKey(app, result.id))).toBe(0);
    expect(await result.state()).toBe('UNKNOWN');
    expect(await result.exists()).toBe(false);
    expect(await result.forget()).toBe(false);
  });
});

describe('revoke()', () => {
  test('takes a waiting task out of its queue, and who waits is told', async () => {
    const own = stage.app();
    const ran: string[] = [];
    const task = own.task('revoked', (label: string) => void ran.push(label));
    const result = await task.delay('first');
    const waiting = rejection(result.get(soon));
    expect(await result.revoke()).toBe(true);
    const error = await waiting;
    expect(error).toBeInstanceOf(TaskRevokedError);
    expect(error.message).toBe(
      `task revoked[${result.id}] was revoked: it was taken out of its queue`,
    );
    expect(await result.state()).toBe('REVOKED');
    expect(await result.ready()).toBe(true);
    expect(await result.failed()).toBe(false);
    expect(await own.queues.counts('default')).toMatchObject({ waiting: 0, failed: 0 });
    await stage.worker(own);
    await task.delay('second').get(soon);
    expect(ran).toEqual(['second']);
    expect(await result.revoke()).toBe(false);
  });

  test('takes out a task that waits for its time, from any process', async () => {
    const { id } = await app.sendTask('any', [], { countdown: '1h' });
    const other = stage.app({ prefix: app.config.prefix });
    expect(await other.result(id).revoke()).toBe(true);
    expect(await app.result(id).state()).toBe('REVOKED');
    expect(await app.queues.counts('default')).toMatchObject({ delayed: 0 });
  });

  test('fires the signal of a task that runs; one that has ended is left alone', async () => {
    const gate = new Gate();
    const reasons: unknown[] = [];
    const slow = app.task('revoke.running', async () => {
      const { signal } = currentTask();
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
        void gate.passed.then(resolve);
      });
      reasons.push(signal.reason);
    });
    const result = await slow.delay();
    try {
      await eventually(() => result.state()).toBe('STARTED');
      expect(await result.revoke()).toBe(true);
      await eventually(() => reasons.length).toBe(1);
    } finally {
      gate.open();
    }
    expect(reasons[0]).toBeInstanceOf(TaskRevokedError);
    await eventually(() => result.ready()).toBe(true);
    expect(await result.revoke()).toBe(false);
  });

  test('is what a purge amounts to for who waits', async () => {
    const own = stage.app();
    const result = await own.sendTask('purged');
    const waiting = rejection(result.get({ timeout: '20s' }));
    expect(await own.queues.purge('default')).toBe(1);
    const error = await waiting;
    expect(error).toBeInstanceOf(TaskRevokedError);
    expect(error.message).toContain('removed from its queue');
  });
});

describe('a worker', () => {
  test('resolves a call that was made before it came up', async () => {
    const own = stage.app();
    const early = own.task('before.worker', () => 'ran');
    const waiting = early.delay().get(soon);
    await stage.worker(own);
    expect(await waiting).toBe('ran');
  });
});
