/** Any value as a short text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Encoded } from '../protocol/encoded.js';
import { brief, briefArgs } from './brief.js';

describe('brief', () => {
  it.each([
    [1, '1'],
    ['a"b', '"a\\"b"'],
    [null, 'null'],
    [undefined, 'undefined'],
    [10n, '10n'],
    [{ a: 1, b: [true, 'x'] }, '{a: 1, b: [true, "x"]}'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [new Date(Number.NaN), 'Invalid Date'],
    [new Map([['k', 1]]), 'Map {k: 1}'],
    [new Set([1, 2]), 'Set {1, 2}'],
    [new TypeError('no'), '"TypeError: no"'],
    [Buffer.from('abc'), 'Buffer(3 bytes)'],
    [Object.create(null), '{}'],
    [[[[[[1]]]]], '[[[[…]]]]'],
  ])('writes %o as %s', (value, text) => {
    expect(brief(value)).toBe(text);
  });

  it('never throws', () => {
    const trap = new Proxy(
      {},
      {
        getPrototypeOf: () => {
          throw new Error('trap');
        },
      },
    );
    const getter = {
      get it(): never {
        throw new Error('getter');
      },
    };
    expect(brief(trap)).toBe('(object)');
    expect(brief(getter)).toBe('(object)');
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(brief(cycle)).toBe('[[[[…]]]]');
  });

  it('is about as long as it may be, whatever the value', () => {
    fc.assert(
      fc.property(
        fc.anything({ maxDepth: 4 }),
        fc.integer({ min: 10, max: 300 }),
        (value, most) => {
          expect(brief(value, most).length).toBeLessThan(most * 2 + 250);
        },
      ),
    );
  });

  it('takes no longer for a huge value', () => {
    let read = 0;
    const items = {
      *[Symbol.iterator]() {
        for (;;) {
          read += 1;
          yield read;
        }
      },
    };
    const set = new Set([1]);
    Object.defineProperty(set, Symbol.iterator, { value: items[Symbol.iterator] });
    brief(set, 50);
    expect(read).toBeLessThan(60);
    expect(brief('x'.repeat(1_000_000), 50)).toHaveLength(53);
  });
});

describe('briefArgs', () => {
  it('has no brackets of its own', () => {
    expect(briefArgs([1, 'two', [3]])).toBe('1, "two", [3]');
    expect(briefArgs([])).toBe('');
  });
});

it('shows a value that is text already as that text, cut where it is long', () => {
  expect(brief(new Encoded('[1,2]'))).toBe('[1,2]');
  expect(briefArgs(['task', new Encoded('{"list":[1,2,3]}')], 20)).toBe('"task", {"list":[1,…');
});
