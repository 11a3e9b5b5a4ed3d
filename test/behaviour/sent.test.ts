/** What `delay()` gives at once: a promise of the result that is a result already. */
import { AsyncResult, BrokerError, EncodeError, Sent } from 'dtask';
import { describe, expect, test } from 'vitest';
import { stage } from './own-stage.js';
import { runProgram } from './program.js';
import { rejection } from './rejection.js';
import { app } from './served-app.js';
import { messageKey } from './stage.js';
import { Turns } from './turns.js';
import { untyped } from './untyped.js';

const soon = { timeout: '10s' } as const;

describe('a call on its way', () => {
  test('has its id before anything is awaited', async () => {
    const echo = app.task('sent.id', (word: string) => word);
    const sent = echo.delay('a');
    expect(sent).toBeInstanceOf(Sent);
    const { id } = sent;
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect((await sent).id).toBe(id);
  });

  test('awaited gives the result once Redis has the message', async () => {
    const task = app.task('sent.awaited', () => 1, { queue: 'idle' });
    const result = await task.delay();
    expect(result).toBeInstanceOf(AsyncResult);
    expect(await stage.redis.exists(messageKey(app, 'idle', result.id))).toBe(1);
  });

  test('gives the value straight from get()', async () => {
    const add = app.task('sent.get', (x: number, y: number) => x + y);
    expect(await add.delay(1, 2).get()).toBe(3);
  });

  test('works with Promise.all, allSettled and race', async () => {
    const double = app.task('sent.all', (x: number) => 2 * x);
    const results = await Promise.all([1, 2, 3].map((x) => double.delay(x)));
    expect(await Promise.all(results.map((result) => result.get(soon)))).toEqual([2, 4, 6]);
    const [settled] = await Promise.allSettled([double.delay(4)]);
    expect(settled?.status).toBe('fulfilled');
    expect(await Promise.race([double.delay(5), double.delay(6)])).toBeInstanceOf(AsyncResult);
  });

  test('has then, catch and finally of a promise', async () => {
    const task = app.task('sent.then', () => 'value');
    const sent = task.delay();
    let over = false;
    const result = await sent.finally(() => {
      over = true;
    });
    expect(over).toBe(true);
    expect(await sent.then(({ id }) => id)).toBe(sent.id);
    expect(await result.get(soon)).toBe('value');
    const refused = untyped(task).delay(1);
    expect(await refused.catch((error: unknown) => (error as Error).message)).toBe(
      'task sent.then takes at most 0 arguments, got 1',
    );
  });

  test('can be revoked before anything is awaited', async () => {
    const task = app.task('sent.revoke', () => 1, { queue: 'idle' });
    const sent = task.delay();
    expect(await sent.revoke()).toBe(true);
    expect(await (await sent).state()).toBe('REVOKED');
  });
});

describe('a result', () => {
  test('is not thenable, so that it comes through an async function as itself', async () => {
    const task = app.task('sent.thenable', () => 1, { queue: 'idle' });
    const result = await task.delay();
    expect('then' in result).toBe(false);
    const through = await (async () => result)();
    expect(through).toBe(result);
  });
});

describe('a call that cannot be sent', () => {
  test('is rejected with one error, however often it is looked at', async () => {
    const task = app.task('sent.refused', (value: unknown) => value);
    const sent = task.delay(() => 1);
    const errors = await Promise.all([rejection(sent), rejection(sent), rejection(sent.get())]);
    expect(errors[0]).toBeInstanceOf(EncodeError);
    expect(new Set(errors).size).toBe(1);
  });

  test('does not throw where it is made', () => {
    const task = app.task('sent.refused.later', (value: unknown) => value);
    const sent = task.delay(Symbol('x'));
    expect(sent).toBeInstanceOf(Sent);
    return expect(sent).rejects.toBeInstanceOf(EncodeError);
  });

  test('for want of a Redis is rejected within sendTimeout, and says where it looked', async () => {
    const away = stage.app({ broker: 'redis://user:secret@127.0.0.1:1/0', sendTimeout: 300 });
    const error = await rejection(away.sendTask('any'));
    expect(error).toBeInstanceOf(BrokerError);
    expect(error.message).toMatch(
      /task any\[.*\] was not sent within 300ms \(sendTimeout\): Redis at redis:\/\/user:\*\*\*@127\.0\.0\.1:1\/0 does not answer: .*ECONNREFUSED/,
    );
    expect(error.message).not.toContain('secret');
  });

  test('after the App was closed is rejected', async () => {
    const own = stage.app();
    await own.close();
    const error = await rejection(own.sendTask('any'));
    expect(error).toBeInstanceOf(BrokerError);
    expect(error.message).toContain('closed');
  });

  test('is no unhandled rejection where only get() is awaited', async () => {
    app.task('always.fails', () => {
      throw new RangeError('never');
    });
    const ended = await runProgram('failing-get.mjs', [stage.engine.url, app.config.prefix]);
    expect(ended.stderr).toBe('');
    expect(ended.code).toBe(0);
    expect(JSON.parse(ended.stdout)).toEqual([
      'TaskFailedError',
      'EncodeError',
      'ConfigError',
      'TaskFailedError',
      'BrokerError',
      'ResultTimeoutError',
    ]);
  });

  test('is heard of where nobody looks at it', async () => {
    const ended = await runProgram('unheard-call.mjs', []);
    expect(ended.stdout).toBe('unhandled ENCODE\n');
    expect(ended.code).toBe(0);
  });
});

describe('many calls of one tick', () => {
  test('share round trips, and cost one command each', async () => {
    const calls = 200;
    await using turns = await Turns.before(stage.engine.port);
    const own = stage.app({ broker: turns.url });
    await own.sendTask('first');
    turns.count = 0;
    await stage.redis.config('RESETSTAT');
    await Promise.all(Array.from({ length: calls }, (_, x) => own.sendTask('batched', [x])));
    expect(await own.queues.counts('default')).toMatchObject({ waiting: calls + 1 });
    const commands = await commandCalls('evalsha');
    expect(commands).toBeGreaterThanOrEqual(calls);
    // Beside them stand the few of the count and of the worker at rest.
    expect(commands).toBeLessThan(calls + 20);
    // One at a time would take one each.
    expect(turns.count).toBeLessThan(calls / 10);
    await own.close();
  });

  test('are stored in the order in which they were made', async () => {
    const own = stage.app();
    const seen: number[] = [];
    own.task('ordered', (x: number) => void seen.push(x));
    const sent = await Promise.all(
      Array.from({ length: 50 }, (_, x) => own.sendTask('ordered', [x])),
    );
    await stage.worker(own, { concurrency: 1 });
    await Promise.all(sent.map((result) => result.get(soon)));
    expect(seen).toEqual(Array.from({ length: 50 }, (_, x) => x));
  });
});

/** How often Redis has run a command since its statistics were reset. */
async function commandCalls(command: string): Promise<number> {
  const stats = await stage.redis.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

test('every call of a task stores the same job, whichever way it took', async () => {
  const app = stage.app();
  const echo = app.task('echo-✓', (text: string) => text);
  const jobs = [];
  for (const [at, text] of ['plain', 'plain', 'grüße 数据 🙂', 'plain'].entries()) {
    if (at === 3) await stage.redis.script('FLUSH');
    const { id } = await echo.delay(text);
    const job = await stage.redis.hgetall(messageKey(app, 'default', id));
    expect(Math.abs(Number(job['timestamp']) - Date.now())).toBeLessThan(60_000);
    jobs.push({ ...job, data: JSON.parse(job['data'] as string) as unknown, timestamp: '' });
  }
  const [first, ...others] = jobs;
  expect(first).toMatchObject({ name: 'echo-✓', data: { v: 1, args: ['plain'] } });
  expect(others[0]).toEqual(first);
  expect(others[1]).toMatchObject({ ...first, data: { args: ['grüße 数据 🙂'] } });
  expect(others[2]).toEqual(first);
  expect((await app.queues.counts('default')).waiting).toBe(4);
});
