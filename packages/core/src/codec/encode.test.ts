/** What cannot be sent, and how that is said. */
import { describe, expect, test } from 'vitest';
import { EncodeError } from '../errors.js';
import { encode } from './encode.js';

class User {
  id = 1;
}
class Cache extends Map {}
class Day extends Date {}
class List extends Array {}
class Bytes extends Uint8Array {}

const noJson = 'which cannot travel as JSON; send a plain object, or its id';
const noWorker = 'which cannot be sent to a worker; send plain data instead';

function nest(levels: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

function refusal(value: unknown, path = 'args'): EncodeError {
  try {
    encode(value, path);
  } catch (error) {
    expect(error).toBeInstanceOf(EncodeError);
    return error as EncodeError;
  }
  throw new Error('nothing was refused');
}

const cycle: { list: unknown[]; self?: unknown } = { list: [] };
cycle.self = cycle;
const mapCycle = new Map<string, unknown>();
mapCycle.set('me', [mapCycle]);
const errorCycle = new Error('x');
errorCycle.cause = errorCycle;

const refused: [what: string, value: unknown, message: string][] = [
  ['a function', [{ owner: () => 1 }], `args[0].owner: is a function, ${noWorker}`],
  ['a class', [User], `args[0]: is a function, ${noWorker}`],
  ['a method of an object', [{ run() {} }], `args[0].run: is a function, ${noWorker}`],
  ['a symbol', { a: Symbol('s') }, `args.a: is a symbol, ${noWorker}`],
  [
    'a key that is a symbol',
    [{ [Symbol('s')]: 1 }],
    'args[0]: has the key Symbol(s), which cannot travel as JSON; use a string as the key',
  ],
  [
    'an instance of a class',
    [{ owner: new User() }],
    `args[0].owner: is an instance of User, ${noJson}`,
  ],
  [
    'an instance of a class without a name',
    [new (class {})()],
    `args[0]: is an instance of an unnamed class, ${noJson}`,
  ],
  ['a class that extends Map', [new Cache()], `args[0]: is an instance of Cache, ${noJson}`],
  ['a class that extends Date', [new Day()], `args[0]: is an instance of Day, ${noJson}`],
  ['a class that extends Array', [new List()], `args[0]: is an instance of List, ${noJson}`],
  [
    'a class that extends Uint8Array',
    [new Bytes(1)],
    `args[0]: is an instance of Bytes, ${noJson}`,
  ],
  [
    'an object that inherits',
    [Object.create({ a: 1 })],
    `args[0]: is an instance of Object, ${noJson}`,
  ],
  ['a boxed number', [Object(1)], `args[0]: is an instance of Number, ${noJson}`],
  ['a WeakMap', [new WeakMap()], `args[0]: is an instance of WeakMap, ${noJson}`],
  [
    'a SharedArrayBuffer',
    [new SharedArrayBuffer(1)],
    `args[0]: is an instance of SharedArrayBuffer, ${noJson}`,
  ],
  ['a Promise', [Promise.resolve(1)], 'args[0]: is a Promise; await it first'],
  [
    'a generator',
    [
      (function* numbers() {
        yield 1;
      })(),
    ],
    'args[0]: is a generator, which cannot travel; send an array of its values',
  ],
  ['a cycle', [{ owner: cycle }], 'args[0].owner.self: is a cycle back to args[0].owner'],
  ['a cycle through a Map', mapCycle, 'args<map value 0>[0]: is a cycle back to args'],
  ['a cycle of causes', [errorCycle], 'args[0].cause: is a cycle back to args[0]'],
  [
    'a Map key',
    [new Map([[1, 1], [User, 2] as never])],
    `args[0]<map key 1>: is a function, ${noWorker}`,
  ],
  ['a Map value', [new Map([[1, User]])], `args[0]<map value 0>: is a function, ${noWorker}`],
  ['a Set item', [new Set([1, User])], `args[0]<set item 1>: is a function, ${noWorker}`],
  ["an error's cause", new Error('x', { cause: User }), `args.cause: is a function, ${noWorker}`],
  [
    "an error's property",
    Object.assign(new Error('x'), { run: User }),
    `args.run: is a function, ${noWorker}`,
  ],
  ['a gathered error', new AggregateError([1, User]), `args.errors[1]: is a function, ${noWorker}`],
  ['a key with a space', { 'a b': User }, `args["a b"]: is a function, ${noWorker}`],
  ['a key in another script', { größe: User }, `args.größe: is a function, ${noWorker}`],
  [
    'a huge bigint',
    [1n << 100_000n],
    'args[0]: is a bigint of more than 10000 digits; send it as bytes',
  ],
  [
    'a huge regexp',
    [new RegExp('a'.repeat(10_001))],
    'args[0]: is a regexp of more than 10000 characters',
  ],
];

describe('encode', () => {
  test.each(refused)('refuses %s, and says where it is', (_what, value, message) => {
    expect(refusal(value).message).toBe(message);
  });

  test('says that a result cannot be sent back', () => {
    expect(refusal({ cb: User }, 'result').message).toBe(
      'result.cb: is a function, which cannot be sent back by a worker; send plain data instead',
    );
  });

  test('refuses more than 500 levels, and cuts the path to them', () => {
    expect(encode(nest(500), 'args')).toBeDefined();
    const { message } = refusal(nest(501));
    expect(message).toMatch(/^args\[0\]\[0\].*….*\[0\]: is nested deeper than 500 levels$/);
    expect(message.length).toBeLessThan(300);
    expect(refusal(nest(100_000)).message).toContain('is nested deeper than 500 levels');
  });

  test('says where a getter or a Proxy threw, and keeps what it threw', () => {
    const boom = new Error('boom');
    const value = {
      get secret(): unknown {
        throw boom;
      },
    };
    const error = refusal([value]);
    expect(error.message).toBe('args[0].secret: cannot be read, because reading it threw an error');
    expect(error.cause).toBe(boom);

    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(refusal({ a: [1], b: proxy }).message).toMatch(/^args\.b: cannot be read/);
  });

  test('refuses a class that lies about its constructor, without running it', () => {
    const liar = Object.create({
      get constructor() {
        throw new Error('boom');
      },
    });
    expect(refusal([liar]).message).toContain('is an instance of an unnamed class');
  });

  test('leaves a symbol key behind that is not enumerable', () => {
    const value = Object.defineProperty({ a: 1 }, Symbol('mark'), { value: 1 });
    expect(encode(value, 'args')).toBe(value);
  });
});
