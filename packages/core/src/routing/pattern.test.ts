/** Which names a pattern matches. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matcher } from './pattern.js';

const name = fc.stringMatching(/^[\w.$^+()|{}[\]\\/:@-]{1,20}$/);

test('a name without wildcards matches itself alone, whatever it means in a regular expression', () => {
  fc.assert(
    fc.property(name, name, (pattern, other) => {
      expect(matcher(pattern)(pattern)).toBe(true);
      expect(matcher(pattern)(other)).toBe(pattern === other);
    }),
  );
});

test('a star stands for any text between what is given, a question mark for one character', () => {
  fc.assert(
    fc.property(name, name, name, (head, middle, tail) => {
      expect(matcher(`${head}*${tail}`)(head + middle + tail)).toBe(true);
      expect(matcher(`${head}*${tail}`)(head + tail)).toBe(true);
      expect(matcher(`${head}?${tail}`)(`${head}x${tail}`)).toBe(true);
      expect(matcher(`${head}?${tail}`)(head + tail)).toBe(false);
      expect(matcher(`${head}*`)(`x${head}`)).toBe(`x${head}`.startsWith(head));
    }),
  );
});

test('a regular expression may match within a name, and anew each time', () => {
  const sticky = matcher(/mail/gy);
  expect([sticky('my.mail'), sticky('mail'), sticky('mail')]).toEqual([true, true, true]);
  expect(matcher(/^mail$/i)('MAIL')).toBe(true);
});
