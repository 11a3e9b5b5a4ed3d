/** Whatever a task throws, its failure is told. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode } from './decode.js';
import { encodeError } from './thrown.js';

function arrive(thrown: unknown): unknown {
  return decode(JSON.parse(JSON.stringify(encodeError(thrown))), 'error');
}

function boom(): never {
  throw new Error('boom');
}

const throwingProxy = new Proxy(new Error('inside'), {
  get: boom,
  has: boom,
  ownKeys: boom,
  getPrototypeOf: boom,
  getOwnPropertyDescriptor: boom,
});
const revoked = Proxy.revocable({}, {});
revoked.revoke();

class Failure {
  readonly reason = 'disk full';
  readonly at = new Date(0);
  toString(): string {
    return 'disk full';
  }
}

/** The stack first: the engine reads the name and the message when it is replaced. */
const unreadable = Object.fromEntries(
  ['stack', 'name', 'message', 'cause', 'code', 'errors', 'extra'].map((key) => [
    key,
    { get: boom, enumerable: true },
  ]),
);

/** Each made in its test, since the test runner itself cannot print some of them. */
const hostile: [what: string, make: () => unknown][] = [
  ['null', () => null],
  ['undefined', () => undefined],
  ['a symbol', () => Symbol('s')],
  ['a function', () => boom],
  ['a huge bigint', () => 1n << 100_000n],
  ['a Proxy that throws', () => throwingProxy],
  ['a revoked Proxy', () => revoked.proxy],
  ['an object whose toString throws', () => ({ toString: boom, run: boom })],
  ['an object whose toString gives an object', () => ({ toString: () => ({}), run: boom })],
  [
    'an instance whose constructor throws',
    () => Object.create(Object.defineProperty({}, 'constructor', { get: boom })),
  ],
  ['an object without a prototype', () => Object.assign(Object.create(null), { run: boom })],
  ['an error without a prototype', () => Object.setPrototypeOf(new Error('x'), null)],
  [
    'an error with an odd name',
    () => Object.assign(new Error('x'), { name: Symbol('n'), message: {} }),
  ],
  ['an error whose parts all throw', () => Object.defineProperties(new Error('x'), unreadable)],
  [
    'an aggregate of hostile things',
    () => new AggregateError([throwingProxy, revoked.proxy, boom, null]),
  ],
  ['an error with a hostile cause', () => new Error('x', { cause: throwingProxy })],
];

describe('encodeError', () => {
  test.each(hostile)('never throws on %s', (_what, make) => {
    arrive(make());
  });

  test('never throws on anything, and what it gives can always be read', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      withNullPrototype: true,
      withBoxedValues: true,
    });
    fc.assert(
      fc.property(anything, anything, (cause, extra) => {
        arrive(cause);
        expect(arrive(Object.assign(new Error('x', { cause }), { extra }))).toBeInstanceOf(Error);
      }),
    );
  });

  test('keeps the class, the code, the cause and the properties of an error', () => {
    const thrown = Object.assign(new RangeError('too far', { cause: 'wind' }), {
      code: 'E_FAR',
      metres: 5n,
    });
    const arrived = arrive(thrown) as typeof thrown;
    expect(arrived).toBeInstanceOf(RangeError);
    expect(arrived.stack).toBe(thrown.stack);
    expect(arrived.cause).toBe('wind');
    expect({ ...arrived }).toStrictEqual({ code: 'E_FAR', metres: 5n });
  });

  test('drops the properties that cannot travel, and keeps the others', () => {
    const thrown = Object.assign(new Error('x'), {
      request: { send: boom },
      status: 500,
      body: 'x'.repeat(100_000),
      get broken() {
        return 1;
      },
    });
    Object.defineProperty(thrown, 'broken', { get: boom, enumerable: true });
    expect({ ...(arrive(thrown) as Error) }).toStrictEqual({ status: 500 });
  });

  test('keeps a thrown value that is not an error as it is, where it can travel', () => {
    expect(arrive('no')).toBe('no');
    expect(arrive(null)).toBe(null);
    expect(arrive(undefined)).toBe(undefined);
    expect(arrive({ status: 404, at: new Date(0) })).toStrictEqual({
      status: 404,
      at: new Date(0),
    });
    expect(arrive('x'.repeat(1e6))).toHaveLength(65_536);
  });

  test('describes a thrown value that cannot travel', () => {
    const arrived = arrive(new Failure()) as Error & { reason: string };
    expect(String(arrived)).toBe('Error: an instance of Failure: disk full');
    expect({ ...arrived }).toStrictEqual({ reason: 'disk full', at: new Date(0) });
    expect(String(arrive(boom))).toBe('Error: a function');
    expect(String(arrive(Symbol('s')))).toBe('Error: a symbol: Symbol(s)');
    expect(String(arrive(throwingProxy))).toContain('Error: an instance of an unnamed class');
  });

  test('cuts a cycle of causes where it closes', () => {
    const first = new Error('first');
    const second = new Error('second', { cause: first });
    first.cause = second;
    const arrived = arrive(first) as { cause: Error };
    expect(arrived.cause.message).toBe('second');
    expect('cause' in arrived.cause).toBe(false);
  });

  test('keeps 8 causes below the first error', () => {
    let thrown: Error = new Error('0');
    for (let level = 1; level < 20; level++) thrown = new Error(String(level), { cause: thrown });
    let count = 0;
    for (let at = (arrive(thrown) as Error).cause; at !== undefined; at = (at as Error).cause)
      count++;
    expect(count).toBe(8);
  });

  test('cuts a huge message and a huge stack', () => {
    const thrown = new Error('m'.repeat(1e6));
    const arrived = arrive(thrown) as Error;
    expect(arrived.message).toHaveLength(65_536);
    expect(arrived.stack).toHaveLength(65_536);
  });

  test('stays small when errors hold errors that hold errors', () => {
    const leafs = Array.from({ length: 200 }, () => new Error('m'.repeat(50_000)));
    const middle = Array.from({ length: 200 }, () => new AggregateError(leafs, 'middle'));
    const text = JSON.stringify(encodeError(new AggregateError(middle, 'top')));
    expect(text.length).toBeLessThan(700_000);
    decode(JSON.parse(text), 'error');
    const strings = new AggregateError(Array(100_000).fill('x'.repeat(10_000)), 'many');
    expect(JSON.stringify(encodeError(strings)).length).toBeLessThan(700_000);
  });

  test('gives a tree that can be read when its properties are deep', () => {
    let deep: unknown = 0;
    for (let level = 0; level < 400; level++) deep = [deep];
    let thrown = Object.assign(new Error('x'), { deep });
    for (let level = 0; level < 8; level++) {
      thrown = Object.assign(new AggregateError([thrown], 'a'), { deep });
    }
    expect(arrive(thrown)).toBeInstanceOf(AggregateError);
  });

  test('reads no getter again when its tree is written as JSON', () => {
    let reads = 0;
    const thrown = new Error('x');
    const inner = {
      get value() {
        return ++reads > 3 ? boom() : reads;
      },
    };
    Object.assign(thrown, { inner });
    const tree = encodeError(thrown);
    const before = reads;
    JSON.stringify(tree);
    expect(reads).toBe(before);
  });
});
