/** Values on their way to a worker and back: what survives, what is refused, and how large it may be. */
import { type App, EncodeError, PayloadTooLargeError } from 'dtask';
import { beforeAll, describe, expect, test } from 'vitest';
import { stage } from './own-stage.js';
import { rejection } from './rejection.js';

let app: App;

beforeAll(async () => {
  app = stage.app({ maxPayload: 20_000 });
  await stage.worker(app);
});

const soon = { timeout: '10s' } as const;

const values: readonly (readonly [string, unknown])[] = [
  ['a Date', new Date('2026-11-21T10:00:00.123Z')],
  [
    'a Map',
    new Map<unknown, unknown>([
      ['a', 1],
      [{ key: true }, new Date(0)],
    ]),
  ],
  ['a Set', new Set([1, 'two', null])],
  ['a BigInt', [2n ** 70n, -1n]],
  ['undefined in an object', { given: undefined, list: [undefined, 1] }],
  ['NaN and the infinities', [Number.NaN, Infinity, -Infinity, -0]],
  ['a Buffer', Buffer.from([0, 255, 128])],
  ['a Uint8Array', new Uint8Array([1, 2, 3])],
  ['a Float64Array', new Float64Array([0.5, Number.NaN])],
  ['a BigInt64Array', new BigInt64Array([-1n, 2n])],
  ['a URL', new URL('https://example.org/a?b=c')],
  ['a RegExp', /a+b/gi],
  ['a key named __proto__', JSON.parse('{"__proto__": {"admin": true}, "constructor": 1}')],
  [
    'all of these, nested',
    { list: [new Map([[1, new Set([new Date(1), 5n])]])], deep: { at: [/x/] } },
  ],
];

describe('a value', () => {
  test.each(values)('survives the way to the worker and back: %s', async (what, value) => {
    let arrived: unknown;
    const echo = app.task(`echo.${what.replaceAll(' ', '-')}`, (given: unknown) => {
      arrived = given;
      return given;
    });
    const back = await echo.delay(value).get(soon);
    expect(arrived).toStrictEqual(value);
    expect(back).toStrictEqual(value);
    expect(arrived).not.toBe(value);
  });

  test('that is an Error keeps its name, message, stack, cause and properties', async () => {
    const error = new RangeError('too far', { cause: new TypeError('no map') });
    Object.assign(error, { status: 404, path: ['a', new Date(0)] });
    const echo = app.task('echo.error', (given: unknown) => given);
    const back = (await echo.delay(error).get(soon)) as RangeError & { status: number };
    expect(back).toBeInstanceOf(RangeError);
    expect(back.message).toBe('too far');
    expect(back.stack).toBe(error.stack);
    expect(back.cause).toBeInstanceOf(TypeError);
    expect((back.cause as Error).message).toBe('no map');
    expect(back).toMatchObject({ status: 404, path: ['a', new Date(0)] });
  });

  test('named __proto__ changes no prototype', async () => {
    const read = app.task('proto', (given: object) => (given as { admin?: unknown }).admin);
    expect(
      await read.delay(JSON.parse('{"__proto__": {"admin": true}}')).get(soon),
    ).toBeUndefined();
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });
});

class User {
  name = 'ada';
}
const cycle: { self?: unknown } = {};
cycle.self = cycle;

const refused: readonly (readonly [string, unknown, RegExp])[] = [
  ['a function', { run: () => 1 }, /^args\[0\]\.run: is a function/],
  ['a symbol', [Symbol('x')], /^args\[0\]\[0\]: is a symbol/],
  ['an instance of a class', { owner: new User() }, /^args\[0\]\.owner: is an instance of User/],
  ['a cycle', cycle, /^args\[0\]\.self: /],
  ['a Promise', { soon: Promise.resolve(1) }, /^args\[0\]\.soon: is a Promise; await it first/],
  ['a WeakMap', new WeakMap(), /^args\[0\]: is an instance of WeakMap/],
  ['one deep in a Map', new Map([['a', [new User()]]]), /^args\[0\]<map value 0>\[0\]: /],
];

describe('a value that cannot travel', () => {
  test.each(refused)('is refused at the caller by its path: %s', async (_what, value, message) => {
    const own = stage.app();
    const take = own.task('take', (given: unknown) => given);
    const error = await rejection(take.delay(value));
    expect(error).toBeInstanceOf(EncodeError);
    expect(error.message).toMatch(message);
    expect(await own.queues.names()).toEqual([]);
  });

  test('is refused in headers too', async () => {
    const error = await rejection(app.sendTask('any', [], { headers: { by: new User() } }));
    expect(error).toBeInstanceOf(EncodeError);
    expect(error.message).toMatch(/^headers\.by: is an instance of User/);
  });

  test('and is returned fails the task with an EncodeError that says where, without a retry', async () => {
    let runs = 0;
    const give = app.task(
      'give.user',
      () => {
        runs += 1;
        return { users: [new User()] };
      },
      { maxRetries: 3, retryDelay: 1 },
    );
    const result = await give.delay();
    const error = await rejection(result.get(soon));
    expect(error).toBeInstanceOf(EncodeError);
    expect(error.message).toMatch(/^result\.users\[0\]: is an instance of User/);
    expect(await result.state()).toBe('FAILURE');
    expect(runs).toBe(1);
  });

  test('and is thrown still tells what it was', async () => {
    const fail = app.task('throw.odd', () => {
      throw { run: () => undefined, toString: () => 'an odd thing' };
    });
    const error = await rejection(fail.delay().get(soon));
    expect(error).toMatchObject({ code: 'TASK_FAILED' });
    expect(error.message).toContain('an odd thing');
  });
});

describe('maxPayload', () => {
  test('is the largest message: a larger one is refused at the caller', async () => {
    const own = stage.app({ maxPayload: 1_000 });
    const take = own.task('take', (text: string) => text.length);
    const error = await rejection(take.delay('x'.repeat(1_000)));
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error.message).toMatch(/^the message of task take is .*, more than maxPayload allows/);
    expect(error.message).toMatch(/send a reference to the data .* or raise maxPayload$/);
    expect(await own.queues.names()).toEqual([]);
  });

  test('counts bytes, not characters', async () => {
    const own = stage.app({ maxPayload: 1_000 });
    expect(await rejection(own.sendTask('any', ['€'.repeat(400)]))).toBeInstanceOf(
      PayloadTooLargeError,
    );
    expect((await own.sendTask('any', ['e'.repeat(400)])).id).toMatch(/-/);
  });

  test('is the largest result: a larger one fails the task', async () => {
    const give = app.task('give.much', (size: number) => 'x'.repeat(size));
    const error = await rejection(give.delay(30_000).get(soon));
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error.message).toMatch(/^the result of task give\.much is /);
    expect(await give.delay(10_000).get(soon)).toHaveLength(10_000);
  });

  test('does not keep the error of a task from its caller', async () => {
    const fail = app.task('fail.much', () => {
      throw new Error('y'.repeat(50_000));
    });
    const error = await rejection(fail.delay().get(soon));
    expect(error.message).toHaveLength(50_000);
  });
});
