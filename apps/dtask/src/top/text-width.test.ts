/** How wide text stands. */
import { expect, it } from 'vitest';
import { cut, fitted, widthOf } from './text-width.js';

it.each([
  ['', 0],
  ['plain', 5],
  ['日本語', 6],
  ['ﾊﾝｶｸ', 4],
  ['한국', 4],
  ['e\u0301', 1],
  ['👩‍👩‍👧', 2],
  ['❤️', 2],
  ['│…█', 3],
  ['a\u200bb', 2],
])('%j takes %d places', (text, width) => {
  expect(widthOf(text)).toBe(width);
});

it.each([
  ['plain', 5, 'plain'],
  ['plain', 4, 'pla…'],
  ['日本語', 5, '日本…'],
  ['日本語', 4, '日…'],
  ['👩‍👩‍👧👩‍👩‍👧', 3, '👩‍👩‍👧…'],
  ['plain', 1, '…'],
  ['plain', 0, ''],
])('%j cut to %d places is %j', (text, width, expected) => {
  expect(cut(text, width)).toBe(expected);
});

it('a wide character that would stand half outside leaves a space', () => {
  expect(fitted('日本語', 4)).toBe('日… ');
  expect(fitted('日', 4, 'right')).toBe('  日');
});
