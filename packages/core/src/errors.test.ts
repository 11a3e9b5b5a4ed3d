/** The classes of errors, as callers know them. */
import { expect, test } from 'vitest';
import * as index from './index.js';

const kinds = Object.entries(index).filter(
  ([, value]) => typeof value === 'function' && value.prototype instanceof Error,
) as unknown as readonly [string, typeof index.DtaskError][];

test.each(kinds)('%s writes its name out, which a build would shorten', (name, kind) => {
  // The name that a class has by itself is not enumerable.
  expect(Object.getOwnPropertyDescriptor(kind, 'name')).toMatchObject({
    value: name,
    enumerable: true,
  });
});

test('each has a code of its own', () => {
  expect(kinds.length).toBeGreaterThan(20);
  expect(new Set(kinds.map(([, { code }]) => code)).size).toBe(kinds.length);
});

test('a class of a user that extends one of them has its own name', () => {
  class Busy extends index.Reject {}
  expect(new Busy().name).toBe('Busy');
  expect(new Busy().code).toBe('REJECT');
});
