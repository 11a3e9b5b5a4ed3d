import type { EntryState } from '@dtask/core/internal';
import { expect, it } from 'vitest';
import { merge } from './merge.js';

const before: EntryState = {
  rev: 3,
  born: 1,
  tick: 100,
  fireAt: 105,
  ticks: 4,
  runs: 3,
  skipped: 1,
  missed: 0,
  lastTick: 90,
  lastAt: 91,
  lastId: 'a',
  lastQueue: 'default',
};
const after: EntryState = {
  ...before,
  tick: 110,
  fireAt: 111,
  ticks: 5,
  runs: 4,
  lastTick: 100,
  lastAt: 106,
  lastId: 'b',
};

it('a pause that came while a tick was sent stays, and so does what was sent', () => {
  const paused: EntryState = { ...before, rev: 4, paused: true };
  expect(merge(before, after, paused)).toEqual({ ...after, rev: 4, paused: true });
});

it('a new schedule that came meanwhile says when it goes on', () => {
  const changed: EntryState = { ...before, rev: 4, tick: 500, fireAt: 500 };
  expect(merge(before, after, changed)).toEqual({ ...after, rev: 4, tick: 500, fireAt: 500 });
});

it('a run by hand that came meanwhile is counted as well', () => {
  const ran: EntryState = { ...before, runs: 4, lastId: 'c', lastAt: 104 };
  expect(merge(before, after, ran)).toEqual({ ...after, runs: 5 });
});

it('what was skipped leaves the last run as it is by now', () => {
  const { lastQueue: _queue, ...sent } = { ...before, runs: 4, lastId: 'c' };
  const skipped: EntryState = { ...before, tick: 110, fireAt: 111, ticks: 5, skipped: 2 };
  expect(merge(before, skipped, sent)).toEqual({
    ...sent,
    tick: 110,
    fireAt: 111,
    ticks: 5,
    skipped: 2,
  });
});

it('the last tick of all leaves none', () => {
  const { tick: _tick, fireAt: _fireAt, ...done } = after;
  expect(merge(before, done, { ...before, rev: 4 })).toEqual({ ...done, rev: 4 });
});
