/** `apply`: the task here and now, by the path that a worker takes, without Redis. */
import {
  App,
  ArgumentsError,
  currentTask,
  EagerResult,
  EncodeError,
  Ignore,
  MaxRetriesExceededError,
  PayloadTooLargeError,
  Retry,
  TaskFailedError,
  task,
  UnknownTaskError,
} from 'dtask';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { rejection } from './rejection.js';

/** Nothing listens there: whatever reached for Redis would fail. */
const app = new App('eager', {
  broker: 'redis://127.0.0.1:1',
  sendTimeout: 100,
  maxPayload: 10_000,
});

describe('apply', () => {
  test('runs the task and gives a result with the face of every result', async () => {
    const add = app.task('eager.add', async (x: number, y: number) => x + y);
    const result = add.apply([1, 2]);
    expect(result).toBeInstanceOf(EagerResult);
    expect(result.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await result.get()).toBe(3);
    expect(await result.state()).toBe('SUCCESS');
    expect(await result.ready()).toBe(true);
    expect(await result.successful()).toBe(true);
    expect(await result.failed()).toBe(false);
    expect(await result.result()).toBe(3);
  });

  test('needs no App', async () => {
    const add = task('eager.free', (x: number, y: number) => x + y);
    expect(await add.apply([1, 2]).get()).toBe(3);
  });

  test('takes the options of a call, which the task sees', async () => {
    const look = app.task('eager.context', () => {
      const { id, headers, isEager, queue, worker, retries, parentId, rootId } = currentTask();
      return { id, headers, isEager, queue, worker, retries, parentId, rootId };
    });
    expect(await look.apply([], { id: 'here-1', headers: { a: 1 } }).get()).toEqual({
      id: 'here-1',
      headers: { a: 1 },
      isEager: true,
      queue: '',
      worker: '',
      retries: 0,
      parentId: undefined,
      rootId: 'here-1',
    });
  });

  test('knows the task that it was called in', async () => {
    const inner = app.task('eager.inner', () => [currentTask().rootId, currentTask().parentId]);
    const outer = app.task('eager.outer', () => inner.apply([]).get());
    expect(await outer.apply([], { id: 'outer-1' }).get()).toEqual(['outer-1', 'outer-1']);
  });

  test('takes arguments and result through the codec', async () => {
    const date = new Date(0);
    const echo = app.task('eager.echo', (value: { at: Date; tags: Set<string> }) => value);
    const value = { at: date, tags: new Set(['a']) };
    const back = await echo.apply([value]).get();
    expect(back).toEqual(value);
    expect(back).not.toBe(value);
    expect(back.at).not.toBe(date);
  });

  test('refuses what a worker would refuse', async () => {
    const any = app.task('eager.any', (value: unknown) => value);
    const loose = any as unknown as { apply(args: unknown[]): EagerResult<unknown> };
    const size = 20_000;
    expect(await rejection(any.apply([() => 1]).get())).toBeInstanceOf(EncodeError);
    expect(await rejection(loose.apply([1, 2]).get())).toBeInstanceOf(ArgumentsError);
    expect(await rejection(any.apply(['x'.repeat(size)]).get())).toBeInstanceOf(
      PayloadTooLargeError,
    );
    const bad = app.task('eager.bad.result', () => Symbol('x'));
    expect((await rejection(bad.apply([]).get())).message).toMatch(/^result: is a symbol/);
    const big = app.task('eager.big.result', () => 'x'.repeat(size));
    expect(await rejection(big.apply([]).get())).toBeInstanceOf(PayloadTooLargeError);
  });

  test('parses arguments and result by their schemas', async () => {
    const parse = app.task('eager.schema', (x: number) => x + 1, {
      args: [z.string().transform(Number)],
      returns: z.number().transform((x) => `<${x}>`),
    });
    const loose = parse as unknown as { apply(args: unknown[]): EagerResult<unknown> };
    expect(await loose.apply(['41']).get()).toBe('<42>');
    expect((await rejection(loose.apply([41]).get())).message).toMatch(/args\[0\]/);
  });

  test('fails as a worker fails, with the task error as the cause', async () => {
    const fail = app.task('eager.fail', () => {
      throw new TypeError('bad price', { cause: new Error('no list') });
    });
    const result = fail.apply([]);
    const error = await rejection<TaskFailedError>(result.get());
    expect(error).toBeInstanceOf(TaskFailedError);
    expect(error).toMatchObject({
      errorName: 'TypeError',
      taskName: 'eager.fail',
      taskId: result.id,
    });
    expect(error.cause).toMatchObject({ message: 'bad price', cause: { message: 'no list' } });
    expect(await result.state()).toBe('FAILURE');
    expect(await result.get({ propagate: false })).toBeInstanceOf(TaskFailedError);
  });

  test('retries without waiting', async () => {
    const stubborn = app.task(
      'eager.stubborn',
      (from: number) => {
        const { retries } = currentTask();
        if (retries < 2) throw new Error('again');
        return from + retries;
      },
      { maxRetries: 2, retryDelay: '1h' },
    );
    expect(await stubborn.apply([10]).get()).toBe(12);
  });

  test('heeds what the task throws to steer its end', async () => {
    const changed = app.task('eager.retry.args', (word: string) => {
      if (word === 'first') throw new Retry({ args: ['second'], countdown: '1h' });
      return word;
    });
    expect(await changed.apply(['first']).get()).toBe('second');
    const ignored = app.task('eager.ignore', () => {
      throw new Ignore();
    });
    const result = ignored.apply([]);
    expect(await result.get()).toBeUndefined();
    expect(await result.state()).toBe('IGNORED');
    const endless = app.task('eager.endless', () => currentTask().retry({ maxRetries: 1 }));
    expect(await rejection(endless.apply([]).get())).toBeInstanceOf(MaxRetriesExceededError);
  });

  test('is no unhandled rejection where nobody asks for the value', async () => {
    const fail = app.task('eager.unheard', () => {
      throw new Error('unheard');
    });
    const result = fail.apply([]);
    await expect.poll(() => result.ready()).toBe(true);
    expect(await result.failed()).toBe(true);
  });

  test('with `this` and a list is still the apply of every function', () => {
    const join = app.task('eager.join', function (this: { sep: string }, ...words: string[]) {
      return words.join(this.sep);
    });
    const plain = join as unknown as (this: object, ...words: string[]) => string;
    expect(plain.apply({ sep: '-' }, ['a', 'b'])).toBe('a-b');
    expect(plain.apply({ sep: '-' })).toBe('');
  });

  test('of a name that the App has not is not there to call', () => {
    expect(() => app.tasks.get('eager.none')).toThrow(UnknownTaskError);
  });
});
