/** Counting tasks. */
import { expect, it } from 'vitest';
import type { Task } from '@dtask/core';
import { TaskCounts } from './task-counts.js';

const task = (() => undefined) as unknown as Task;

it('keeps names that come from outside out of the counts, so that nobody can fill them', () => {
  const counts = new TaskCounts({ find: (name) => (name === 'add' ? task : undefined) });
  for (let one = 0; one < 5_000; one += 1) counts.settled(`made.up.${one}`, 'FAILURE');
  counts.settled('add', 'SUCCESS');
  expect([...counts.tasks().keys()]).toEqual(['(unknown)', 'add']);
  expect(counts.tasks().get('(unknown)')?.events.failed).toBe(5_000);
});

it('counts together what an app has beyond a thousand tasks', () => {
  const counts = new TaskCounts({ find: () => task });
  for (let one = 0; one < 1_500; one += 1) counts.settled(`task.${one}`, 'SUCCESS');
  expect(counts.tasks().size).toBe(1_001);
  expect(counts.tasks().get('(other)')?.events.succeeded).toBe(500);
  counts.settled('task.7', 'SUCCESS');
  expect(counts.tasks().get('task.7')?.events.succeeded).toBe(2);
});

it('takes a start ahead of its time, by a clock that is behind, for one without a wait', () => {
  const counts = new TaskCounts({ find: () => task });
  counts.started('add', 'default', -5_000);
  counts.started('add', 'default', undefined);
  const { events, wait } = counts.tasks().get('add') ?? {};
  expect(events?.started).toBe(2);
  expect(wait?.cumulated().at(-1)).toBe(1);
  expect(wait?.sum).toBe(0);
});

it('takes a run that a revocation ended for no retry, whatever it threw', () => {
  const counts = new TaskCounts({ find: () => task });
  counts.ran('add', 10, false);
  counts.settled('add', 'REVOKED');
  counts.ran('add', 10, 'retry');
  counts.settled('add', 'PROGRESS');
  expect(counts.tasks().get('add')?.events).toMatchObject({ retried: 1, revoked: 1, succeeded: 0 });
});
