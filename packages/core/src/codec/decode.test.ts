/** What is refused when it is read back, and what a hostile message cannot do. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../errors.js';
import { decode } from './decode.js';
import { encode } from './encode.js';

const malformed: [tree: unknown, message: string][] = [
  [{ $nope: 1 }, 'args[0]: has the tag "$nope", which dtask does not know'],
  [{ $: 1 }, 'args[0]: has the tag "$", which dtask does not know'],
  [
    { $date: 'garbage' },
    'args[0]: $date must hold an ISO 8601 time with its zone, or null, got "garbage"',
  ],
  [
    { $date: '2020-01-01' },
    'args[0]: $date must hold an ISO 8601 time with its zone, or null, got "2020-01-01"',
  ],
  [
    { $date: '2020-13-01T00:00:00Z' },
    'args[0]: $date must hold an ISO 8601 time with its zone, or null, got "2020-13-01T00:00:00Z"',
  ],
  [{ $date: 0 }, 'args[0]: $date must hold an ISO 8601 time with its zone, or null, got 0'],
  [{ $map: {} }, 'args[0]: $map must hold an array of pairs, got an empty object'],
  [
    { $map: [[1]] },
    'args[0]<map key 0>: $map must hold pairs of a key and a value, got an array of 1',
  ],
  [{ $map: [[1, { $set: 1 }]] }, 'args[0]<map value 0>: $set must hold an array, got 1'],
  [{ $set: [1, { $set: null }] }, 'args[0]<set item 1>: $set must hold an array, got null'],
  [{ $bigint: '1e3' }, 'args[0]: $bigint must hold a string of at most 10000 digits, got "1e3"'],
  [{ $bigint: '' }, 'args[0]: $bigint must hold a string of at most 10000 digits, got ""'],
  [{ $bigint: 1 }, 'args[0]: $bigint must hold a string of at most 10000 digits, got 1'],
  [
    { $bigint: '9'.repeat(10_001) },
    `args[0]: $bigint must hold a string of at most 10000 digits, got "${'9'.repeat(60)}…"`,
  ],
  [{ $undefined: false }, 'args[0]: $undefined must hold true, got false'],
  [{ $number: '1' }, 'args[0]: $number must hold "NaN", "Infinity", "-Infinity" or "-0", got "1"'],
  [{ $number: 1 }, 'args[0]: $number must hold "NaN", "Infinity", "-Infinity" or "-0", got 1'],
  [{ $buffer: 'abc' }, 'args[0]: $buffer must hold base64, got "abc"'],
  [{ $buffer: 'ab*d' }, 'args[0]: $buffer must hold base64, got "ab*d"'],
  [{ $buffer: 'a=bc' }, 'args[0]: $buffer must hold base64, got "a=bc"'],
  [{ $buffer: '====' }, 'args[0]: $buffer must hold base64, got "===="'],
  [
    { $buffer: '\u0141\u0141\u0141\u0141' },
    'args[0]: $buffer must hold base64, got "\u0141\u0141\u0141\u0141"',
  ],
  [{ $buffer: [1] }, 'args[0]: $buffer must hold base64, got an array of 1'],
  [{ $bytes: 'AAAA' }, 'args[0]: $bytes must hold a class name and base64, got "AAAA"'],
  [
    { $bytes: ['Uint8Array'] },
    'args[0]: $bytes must hold a class name and base64, got an array of 1',
  ],
  [{ $bytes: ['Uint8Array', '*'] }, 'args[0]: $bytes must hold base64, got "*"'],
  [
    { $bytes: ['constructor', 'AAAA'] },
    'args[0]: $bytes must hold the name of a typed array, ArrayBuffer or DataView, got "constructor"',
  ],
  [
    { $bytes: ['Float64Array', 'AAAAAAAAAA=='] },
    'args[0]: $bytes must hold a multiple of 8 bytes for a Float64Array, got 7',
  ],
  [{ $regexp: 'a' }, 'args[0]: $regexp must hold a source and its flags, both strings, got "a"'],
  [
    { $regexp: ['a', 1] },
    'args[0]: $regexp must hold a source and its flags, both strings, got an array of 2',
  ],
  [{ $regexp: ['(', ''] }, 'args[0]: $regexp must hold a valid regexp, got "/(/"'],
  [{ $regexp: ['a', 'zz'] }, 'args[0]: $regexp must hold a valid regexp, got "/a/zz"'],
  [
    { $regexp: ['a'.repeat(10_001), ''] },
    'args[0]: $regexp must hold at most 10000 characters, got 10001',
  ],
  [{ $url: 'not a url' }, 'args[0]: $url must hold an absolute URL, got "not a url"'],
  [{ $url: null }, 'args[0]: $url must hold an absolute URL, got null'],
  [{ $escape: 1 }, 'args[0]: $escape must hold an object with one key that begins with $, got 1'],
  [
    { $escape: { a: 1 } },
    'args[0]: $escape must hold an object with one key that begins with $, got an object of "a"',
  ],
  [{ $escape: { $a: { $b: 1 } } }, 'args[0].$a: has the tag "$b", which dtask does not know'],
  [{ $error: 'x' }, 'args[0]: $error must hold an object, got "x"'],
  [{ $error: {} }, 'args[0]: $error must hold a string as its name, got undefined'],
  [
    { $error: { name: 'E', message: 1 } },
    'args[0]: $error must hold a string as its message, got 1',
  ],
  [
    { $error: { name: 'E', message: '', stack: 1 } },
    'args[0]: $error must hold a string as its stack, got 1',
  ],
  [
    { $error: { name: 'E', message: '', code: [] } },
    'args[0]: $error must hold a string or a number as its code, got an array of 0',
  ],
  [
    { $error: { name: 'E', message: '', errors: {} } },
    'args[0]: $error must hold an array as its errors, got an empty object',
  ],
  [
    { $error: { name: 'E', message: '', props: [] } },
    'args[0]: $error must hold an object as its props, got an array of 0',
  ],
  [
    { $error: { name: 'E', message: '', run: 1 } },
    'args[0]: $error must hold no other key, got "run"',
  ],
  [
    { $error: { name: 'E', message: '', cause: { $x: 1 } } },
    'args[0].cause: has the tag "$x", which dtask does not know',
  ],
  [
    { $error: { name: 'E', message: '', props: { a: { $x: 1 } } } },
    'args[0].a: has the tag "$x", which dtask does not know',
  ],
  [undefined, 'args[0]: is undefined, which no JSON holds; give what JSON.parse gave'],
];

const tags =
  '$date $map $set $bigint $undefined $number $buffer $bytes $regexp $url $error $escape $no'.split(
    ' ',
  );
const traps = '__proto__ constructor prototype toString then stack message'.split(' ');
const words = (
  'Uint8Array Float64Array ArrayBuffer AAAA AA== NaN -0 12 g [ 2020-01-01T00:00:00.000Z ' +
  'https://a.b TypeError AggregateError __proto__'
).split(' ');

/** Trees that look like ours more often than random JSON does. */
const hostileTree = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'medium' },
    fc.oneof(fc.constantFrom<unknown>(null, true, 0, -1.5, ...words), fc.string()),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.tuple(fc.constantFrom(...tags), tie('tree')).map(([tag, tree]) => ({ [tag]: tree })),
    fc
      .array(fc.tuple(fc.constantFrom('a', '$a', ...traps, ...tags), tie('tree')), { maxLength: 3 })
      .map((entries) => Object.fromEntries(entries)),
    fc
      .tuple(fc.constantFrom(...words), tie('tree'), tie('tree'), fc.constantFrom(...traps))
      .map(([name, cause, value, trap]) => ({
        $error: { name, message: 'm', cause, props: Object.fromEntries([[trap, value]]) },
      })),
  ),
})).tree;

function expectDecodes(text: string): void {
  const before = Object.getOwnPropertyNames(Object.prototype).join();
  try {
    decode(JSON.parse(text), 'args');
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before);
}

describe('decode', () => {
  test.each(malformed)('refuses %j', (tree, message) => {
    let caught: unknown;
    try {
      decode([tree], 'args');
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(DecodeError);
    expect((caught as Error).message).toBe(message);
  });

  test('reads the times that other languages write', () => {
    for (const text of ['2020-01-01T00:00:00Z', '2020-01-01T01:00:00.000000+01:00']) {
      expect(decode({ $date: text }, 'args')).toStrictEqual(new Date('2020-01-01T00:00:00.000Z'));
    }
  });

  test('refuses more than 500 levels, of whatever containers, and never overflows the stack', () => {
    const shapes: [open: string, close: string][] = [
      ['[', ']'],
      ['{"a":', '}'],
      ['{"$set":[', ']}'],
      ['{"$map":[[1,', ']]}'],
      ['{"$map":[[', ',1]]}'],
      ['{"$escape":{"$a":', '}}'],
      ['{"$error":{"name":"E","message":"","cause":', '}}'],
      ['{"$error":{"name":"E","message":"","errors":[', ']}}'],
      ['{"$error":{"name":"E","message":"","props":{"a":', '}}}'],
    ];
    for (const [open, close] of shapes) {
      for (const levels of [501, 20_000]) {
        const tree: unknown = JSON.parse(open.repeat(levels) + '0' + close.repeat(levels));
        expect(() => decode(tree, 'args')).toThrow(/is nested deeper than 500 levels$/);
      }
    }
    expect(() =>
      decode(JSON.parse('{"$escape":'.repeat(9999) + '0' + '}'.repeat(9999)), 'args'),
    ).toThrow(DecodeError);
  });

  test('never throws anything but a DecodeError, and never pollutes, on any JSON', () => {
    fc.assert(fc.property(fc.json(), expectDecodes));
    fc.assert(
      fc.property(hostileTree, (tree) => {
        expectDecodes(JSON.stringify(tree));
      }),
      { numRuns: 5000 },
    );
  });

  test('keeps a __proto__ key as an ordinary key', () => {
    const text =
      '{"__proto__":{"polluted":1,"at":{"$date":null}},"constructor":{"$undefined":true}}';
    const arrived = decode(JSON.parse(text), 'args') as object;
    expect(Object.getPrototypeOf(arrived)).toBe(Object.prototype);
    expect(Object.keys(arrived)).toStrictEqual(['__proto__', 'constructor']);
    expect((arrived as { polluted?: unknown }).polluted).toBeUndefined();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('lets no message replace what every error has', () => {
    const text = `{"$error":{"name":"TypeError","message":"real","stack":"at home","props":{
      "__proto__":{"polluted":1},"message":"fake","stack":"fake","name":"fake","cause":"fake",
      "constructor":"fake","toString":"fake","valueOf":"fake","then":"kept","$date":1}}}`;
    const error = decode(JSON.parse(text), 'result') as Error;
    expect(Object.getPrototypeOf(error)).toBe(TypeError.prototype);
    expect(String(error)).toBe('TypeError: real');
    expect(error.stack).toBe('at home');
    expect('cause' in error).toBe(false);
    expect(Object.entries(error)).toStrictEqual([
      ['then', 'kept'],
      ['$date', 1],
    ]);
  });

  test('does not take an error named like something on an object for a class', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'DtaskError', '']) {
      const error = decode({ $error: { name, message: 'x' } }, 'result') as Error;
      expect(Object.getPrototypeOf(error)).toBe(Error.prototype);
      expect(error.name).toBe(name);
    }
  });
});

describe('a handle on a task', () => {
  const forms: readonly unknown[] = ['id-1', { id: 'g', parts: ['a', { id: 'h', parts: [] }] }];

  test.each(forms)('%j travels on where no App is at hand', (form) => {
    const text = JSON.stringify({ list: [{ $result: form }] });
    const arrived = decode(JSON.parse(text), 'args') as { list: { id: string }[] };
    expect(arrived.list[0]?.id).toBe(typeof form === 'string' ? form : 'g');
    expect(JSON.stringify(encode(arrived, 'args'))).toBe(text);
  });

  test('is made by the App that is', () => {
    const made = decode({ $result: 'id-1' }, 'result', undefined, (form) => ['made of', form]);
    expect(made).toEqual(['made of', 'id-1']);
  });

  test.each(['', 5, null, [], {}, { id: 'g' }, { id: 'g', parts: [5] }, { id: '', parts: [] }])(
    'holds an id, not %j',
    (form) => {
      expect(() => decode({ $result: form }, 'args')).toThrow(
        /^args: \$result must hold a task's id, or a group's with its parts, got /,
      );
    },
  );
});
