/** Which workers a request is for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMeant } from './audience.js';

describe('a pattern', () => {
  it.each([
    ['*', 'anything', true],
    ['', '', true],
    ['a*c', 'abbbc', true],
    ['a*c', 'abbb', false],
    ['a*b*c', 'a-b-b-c', true],
    ['?', '', false],
    ['??', 'ab', true],
    ['a.c', 'abc', false],
    ['shop@*.42', 'shop@host.42', true],
    ['*.42', 'shop@host.421', false],
    ['**x', 'x', true],
  ])('%j fits %j: %s', (pattern, worker, fits) => {
    expect(isMeant({ pattern }, worker)).toBe(fits);
  });

  it('fits what it was made of', () => {
    const word = fc.stringMatching(/^[ab.]{0,6}$/);
    fc.assert(
      fc.property(fc.array(word), fc.array(word), (parts, between) => {
        const worker = parts.map((part, at) => part + (between[at] ?? '')).join('');
        const pattern = parts.map((part) => `${part}*`).join('');
        expect(isMeant({ pattern }, worker)).toBe(true);
      }),
    );
  });

  it('with many stars is decided at once', () => {
    expect(isMeant({ pattern: '*a'.repeat(200) }, 'a'.repeat(199))).toBe(false);
  });
});

it('a destination and a pattern are both asked for', () => {
  const audience = { destination: ['one', 'two'], pattern: 't*' };
  expect(['one', 'two', 'three'].filter((name) => isMeant(audience, name))).toEqual(['two']);
});
