/** Of those who wait, each is looked after, however many they are. */
import { expect, test } from 'vitest';
import { Entries, type Entry, type Listener } from './entries.js';

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

test('of those who wait for one task each may leave in any order', () => {
  const removed: Entry[] = [];
  const entries = new Entries((entry) => removed.push(entry));
  const all = Array.from({ length: 4 }, () => entries.entry('a', nobody));
  for (const entry of all) entries.add(entry);
  const [first, second, third, fourth] = all as [Entry, Entry, Entry, Entry];
  for (const entry of [second, second, fourth, first]) entry.end();
  expect(entries.of('a')).toEqual([third]);
  expect(removed).toEqual([second, fourth, first]);
  third.end();
  expect(entries.isEmpty).toBe(true);
});

test('that thousands wait for one task costs each of them no more than the first', () => {
  const entries = new Entries(() => undefined);
  const all = Array.from({ length: 50_000 }, () => entries.entry('a', nobody));
  for (const entry of all) entries.add(entry);
  const since = performance.now();
  for (const entry of all) entry.end();
  // Each looked through those before it: it took seconds.
  expect(performance.now() - since).toBeLessThan(1_000);
});
