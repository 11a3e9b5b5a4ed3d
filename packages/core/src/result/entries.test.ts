/** Of those who wait, each is looked after, however many they are. */
import { expect, test } from 'vitest';
import { Entries, type Listener } from './entries.js';

const nobody: Listener = {
  queue: () => undefined,
  foreign: false,
  progress: () => undefined,
  done: () => undefined,
  failed: () => undefined,
  lost: () => undefined,
};

test('where more are due than are looked at, each has its turn', () => {
  const entries = new Entries(() => undefined);
  const ids = ['a', 'b', 'c', 'd', 'e'];
  for (const id of ids) entries.add(entries.entry(id, nobody));
  // All are due again by the time of the next look.
  const seen = [1, 2, 3].flatMap(() => entries.due(Infinity, 2).map(({ id }) => id));
  expect(seen).toEqual(['a', 'b', 'c', 'd', 'e', 'a']);
});

test('all who wait for one task are looked after together', () => {
  const entries = new Entries(() => undefined);
  const first = entries.entry('a', nobody);
  const second = entries.entry('a', nobody);
  entries.add(first);
  entries.add(second);
  expect(new Set(entries.due(Infinity, 1))).toEqual(new Set([first, second]));
  first.end();
  expect(entries.due(Infinity, 1)).toEqual([second]);
});
