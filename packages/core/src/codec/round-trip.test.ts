/** What a value is like after it has travelled. */
import { isDeepStrictEqual } from 'node:util';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode, encode } from './index.js';

function travel(value: unknown): unknown {
  return decode(JSON.parse(JSON.stringify(encode(value, 'args'))), 'args');
}

/** Equal, and of the same classes: `isDeepStrictEqual` compares prototypes, -0, NaN and holes. */
function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toStrictEqual(expected);
  expect(isDeepStrictEqual(actual, expected)).toBe(true);
}

const bytes = fc.uint8Array({ maxLength: 40 });
/** Whole elements of eight bytes at an offset, so that views onto part of a buffer are covered. */
const slab = fc.uint8Array({ minLength: 16, maxLength: 48 }).map((all) => {
  const whole = all.length - (all.length % 8);
  return { buffer: new Uint8Array(all).buffer, offset: 8, length: whole - 8 };
});
const views = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;

/** Any UTF-16, lone surrogates included, and the keys that are a trap. */
const anyString = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 5 })
    .map((all) => String.fromCharCode(...all)),
);
const anyKey = fc.oneof(
  anyString,
  fc.constantFrom('$date', '$map', '$escape', '$error', '$', '$ref', 'constructor', 'prototype'),
  fc.constantFrom('__proto__', 'toString', 'then', 'length', '0'),
);

function makeObject(entries: readonly (readonly [string, unknown])[]): object {
  const made = {};
  for (const [key, value] of entries) {
    Object.defineProperty(made, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return made;
}

const leaf = fc.oneof(
  fc.constantFrom(null, undefined, true, false, NaN, Infinity, -Infinity, -0, 0),
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  anyString,
  // Invalid dates have a test of their own: Node 20 does not take two of them for equal.
  fc.date({ noInvalidDate: true }),
  bytes.map((all) => Buffer.from(all)),
  bytes.map((all) => new Uint8Array(all).buffer),
  slab.map(({ buffer, offset, length }) => new DataView(buffer, offset, length)),
  fc
    .tuple(slab, fc.constantFrom(...views))
    .map(
      ([{ buffer, offset, length }, View]) =>
        new View(buffer, offset, length / View.BYTES_PER_ELEMENT),
    ),
  fc.constantFrom(/a+/giu, /^\/(?<year>\d{4})$/, new RegExp(''), /\n/s),
  fc.webUrl().map((url) => new URL(url)),
);

const anyValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(anyKey, tie('value')), { maxLength: 4 }).map(makeObject),
    fc.tuple(anyKey, tie('value')).map((entry) => makeObject([entry])),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((all) => new Map(all)),
    fc.array(tie('value'), { maxLength: 3 }).map((all) => new Set(all)),
    fc
      .tuple(
        fc.constantFrom(
          Error,
          TypeError,
          RangeError,
          SyntaxError,
          ReferenceError,
          EvalError,
          URIError,
        ),
        anyString,
        tie('value'),
        tie('value'),
      )
      .map(([Class, message, cause, detail]) =>
        Object.assign(new Class(message, { cause }), { detail, code: 'E_TEST' }),
      ),
    fc
      .array(tie('value'), { maxLength: 3 })
      .map((errors) => new AggregateError(errors, 'all failed')),
  ),
})).value;

describe('a value that travels', () => {
  test('arrives equal, whatever kinds are nested in whatever others', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const arrived = travel(value);
        expectSame(arrived, value);
        // Not every Node compares causes and gathered errors, so they are compared as text.
        expect(JSON.stringify(encode(arrived, 'args'))).toBe(JSON.stringify(encode(value, 'args')));
      }),
      { numRuns: 3000 },
    );
  });

  test('arrives equal when it is any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expectSame(travel(value), value);
      }),
    );
  });

  test('is written as JSON that another language can read', () => {
    const value = {
      at: new Date(0),
      bad: new Date(NaN),
      index: new Map([['a', 1n]]),
      tags: new Set(['x']),
      none: undefined,
      odd: [NaN, Infinity, -Infinity, -0],
      file: Buffer.from('hi'),
      weights: new Float32Array([1]),
      pattern: /a/g,
      site: new URL('https://example.com'),
      query: { $gt: 1 },
    };
    expect(JSON.parse(JSON.stringify(encode(value, 'args')))).toStrictEqual({
      at: { $date: '1970-01-01T00:00:00.000Z' },
      bad: { $date: null },
      index: { $map: [['a', { $bigint: '1' }]] },
      tags: { $set: ['x'] },
      none: { $undefined: true },
      odd: [
        { $number: 'NaN' },
        { $number: 'Infinity' },
        { $number: '-Infinity' },
        { $number: '-0' },
      ],
      file: { $buffer: 'aGk=' },
      weights: { $bytes: ['Float32Array', 'AACAPw=='] },
      pattern: { $regexp: ['a', 'g'] },
      site: { $url: 'https://example.com/' },
      query: { $escape: { $gt: 1 } },
    });
  });

  test('may be a date that is invalid', () => {
    const [arrived] = travel([new Date(NaN)]) as [Date];
    expect(arrived).toBeInstanceOf(Date);
    expect(arrived.getTime()).toBeNaN();
  });

  test('keeps a property that is undefined', () => {
    const arrived = travel({ a: undefined }) as object;
    expect(Object.hasOwn(arrived, 'a')).toBe(true);
  });

  test('gets undefined in the holes of its arrays', () => {
    const holes: unknown[] = [1];
    holes[2] = 3;
    expectSame(travel(holes), [1, undefined, 3]);
  });

  test('arrives with a copy at each place where one object stood', () => {
    const shared = { day: new Date(0) };
    const arrived = travel([shared, shared]) as object[];
    expectSame(arrived, [shared, shared]);
    expect(arrived[0]).not.toBe(arrived[1]);
  });

  test('arrives as an ordinary object when it had no prototype', () => {
    expectSame(travel(Object.assign(Object.create(null), { a: 1n })), { a: 1n });
  });

  test('arrives with the value that a getter gave', () => {
    const value = {
      get at() {
        return new Date(0);
      },
    };
    expectSame(travel(value), { at: new Date(0) });
  });

  test('may be a Proxy of an object or an array', () => {
    expectSame(travel(new Proxy({ a: [1n] }, {})), { a: [1n] });
    expectSame(travel(new Proxy([1, undefined], {})), [1, undefined]);
  });

  test('may come from another realm', () => {
    const foreign: unknown = runInNewContext(
      '({ a: [new Date(0), new Map([[1, new Set([2])]]), new Uint8Array([7]), /x/g] })',
    );
    expectSame(travel(foreign), {
      a: [new Date(0), new Map([[1, new Set([2])]]), new Uint8Array([7]), /x/g],
    });
    expect(travel(runInNewContext('new TypeError("far")'))).toBeInstanceOf(TypeError);
  });

  test('takes only its own part of a larger buffer along', () => {
    const whole = new Uint8Array([1, 2, 3, 4]);
    const arrived = travel(whole.subarray(1, 3)) as Uint8Array;
    expectSame(arrived, new Uint8Array([2, 3]));
    expect(arrived.buffer.byteLength).toBe(2);
    expect((travel(Buffer.from('ab')) as Buffer).buffer.byteLength).toBe(2);
  });

  test('may hold 500 levels of any container', () => {
    const wrap: ((inner: unknown) => unknown)[] = [
      (inner) => [inner],
      (inner) => ({ a: inner }),
      (inner) => ({ $date: inner }),
      (inner) => new Map([['k', inner]]),
      (inner) => new Map([[inner, 'v']]),
      (inner) => new Set([inner]),
      (inner) => Object.assign(new Error('e'), { inner }),
    ];
    for (const one of wrap) {
      let value: unknown = 0;
      for (let level = 0; level < 500; level++) value = one(value);
      expect(JSON.stringify(encode(travel(value), 'args'))).toBe(
        JSON.stringify(encode(value, 'args')),
      );
    }
  });
});

describe('plain JSON', () => {
  test('is passed on as the same object, not copied', () => {
    const value = [{ a: [1, 'b', null, true], $gt: 1, $lt: 2 }];
    expect(encode(value, 'args')).toBe(value);
    expect(decode(value, 'args')).toBe(value);
  });

  test('beside something special is passed on as the same object', () => {
    const plain = { a: 1 };
    const value = { plain, at: new Date(0) };
    const tree = encode(value, 'args') as { plain: unknown };
    expect(tree.plain).toBe(plain);
    expect((decode(tree, 'args') as { plain: unknown }).plain).toBe(plain);
    expect(value.at).toBeInstanceOf(Date);
  });

  test('is never changed by encode or decode', () => {
    const value = { list: [1, undefined, { $date: 1 }], at: new Date(0) };
    const before = structuredClone(value);
    const tree = encode(value, 'args');
    expectSame(value, before);
    const text = JSON.stringify(tree);
    decode(tree, 'args');
    expect(JSON.stringify(tree)).toBe(text);
  });
});

describe('an error that travels', () => {
  test('keeps its class when it is built in, and its stack, cause and properties', () => {
    const error = Object.assign(new TypeError('no', { cause: new RangeError('why') }), {
      code: 'E_NO',
      status: 404,
      at: new Date(0),
    });
    const arrived = travel(error) as typeof error;
    expect(arrived).toBeInstanceOf(TypeError);
    expect(arrived.stack).toBe(error.stack);
    expect(arrived.cause).toBeInstanceOf(RangeError);
    expect(Object.keys(arrived).sort()).toStrictEqual(['at', 'code', 'status']);
    expectSame({ ...arrived }, { code: 'E_NO', status: 404, at: new Date(0) });
    expect(Object.hasOwn(arrived, 'name')).toBe(false);
  });

  test('keeps its name when its class is yours', () => {
    class PaymentError extends Error {
      override readonly name = 'PaymentError';
      readonly amount = 5n;
    }
    const arrived = travel(new PaymentError('declined')) as PaymentError;
    expect(arrived).toBeInstanceOf(Error);
    expect(arrived).not.toBeInstanceOf(PaymentError);
    expect(String(arrived)).toBe('PaymentError: declined');
    expect(arrived.amount).toBe(5n);
    expect(Object.keys(arrived)).toStrictEqual(['amount']);
  });

  test('keeps the errors that it gathers, also when its class is yours', () => {
    class Many extends AggregateError {
      override readonly name = 'Many';
    }
    const arrived = travel(new Many([new TypeError('a'), 'b'], 'two')) as AggregateError;
    expect(arrived).toBeInstanceOf(AggregateError);
    expect(arrived.name).toBe('Many');
    expect(arrived.errors[0]).toBeInstanceOf(TypeError);
    expect(arrived.errors[1]).toBe('b');
    expect(Object.keys(arrived)).toStrictEqual([]);
  });

  test('keeps a list of its own that is called errors', () => {
    const arrived = travel(Object.assign(new Error('invalid'), { errors: ['a', 'b'] }));
    expect({ ...(arrived as object) }).toStrictEqual({ errors: ['a', 'b'] });
  });

  test('keeps a code that is no string or number as a property', () => {
    const arrived = travel(Object.assign(new Error('x'), { code: { a: 1 } })) as { code: unknown };
    expect(arrived.code).toStrictEqual({ a: 1 });
  });

  test('may be the reason of an abort', () => {
    const arrived = travel(AbortSignal.abort().reason) as Error & { code: number };
    expect([arrived.name, arrived.code]).toStrictEqual(['AbortError', 20]);
  });

  test('has no foreign stack when it came without one', () => {
    const arrived = decode({ $error: { name: 'Oops', message: 'x' } }, 'result') as Error;
    expect(arrived.stack).toBe('Oops: x');
  });
});
