/** What `dtask top` makes of two looks. */
import type { ActiveTask, Answers, QueueCounts, WorkerStats } from '@dtask/core';
import { describe, expect, it } from 'vitest';
import type { Sample } from './sample.js';
import { snapshotOf } from './snapshot.js';

const ended = { succeeded: 0, failed: 0, retried: 0, revoked: 0, rejected: 0, requeued: 0 };

const stats = (more: Partial<WorkerStats>): WorkerStats => ({
  pid: 1,
  host: 'box',
  at: 0,
  uptime: 1,
  active: 0,
  total: {},
  queues: {},
  ended,
  pool: { implementation: 'inline', maxConcurrency: 2 },
  broker: '',
  loadavg: [0, 0, 0],
  rusage: {},
  ...more,
});

const counts = (waiting: number, delayed = 0): QueueCounts => ({
  waiting,
  delayed,
  active: 0,
  failed: 0,
});

const sample = (at: number, answers: Answers<WorkerStats>, more: Partial<Sample> = {}): Sample => ({
  at,
  date: at,
  broker: '',
  stats: answers,
  active: {},
  silent: new Map(),
  counts: new Map(),
  failures: [],
  ...more,
});

describe('a snapshot', () => {
  it('counts rates by the clock of each worker', () => {
    const before = sample(0, {
      one: stats({ at: 5_000, total: { a: 10, b: 5 } }),
      two: stats({ at: 9_000, ended: { ...ended, failed: 2 } }),
    });
    const now = sample(4_000, {
      one: stats({ at: 7_000, total: { a: 30, b: 5 }, ended: { ...ended, succeeded: 20 } }),
      two: stats({ at: 10_000, ended: { ...ended, failed: 5, rejected: 1 } }),
    });
    const { rates, workers } = snapshotOf(now, before);
    expect(rates).toEqual({ succeeded: 10, failed: 4, retried: 0 });
    expect(workers.map(({ name, rate }) => [name, rate])).toEqual([
      ['one', 10],
      ['two', 0],
    ]);
  });

  it('takes what came into a queue for what was begun and what it has more', () => {
    const before = sample(
      0,
      { one: stats({ at: 0, queues: { mail: 10 } }) },
      { counts: new Map([['mail', counts(100)]]) },
    );
    const now = sample(
      2_000,
      { one: stats({ at: 2_000, queues: { mail: 30 } }) },
      { counts: new Map([['mail', counts(100, 6)]]) },
    );
    expect(snapshotOf(now, before).queues).toMatchObject([{ name: 'mail', in: 13, out: 10 }]);
  });

  it('has no rate of a worker that is new, or was started anew under its name', () => {
    const before = sample(0, { one: stats({ pid: 1, total: { a: 1_000 } }) });
    const now = sample(1_000, {
      one: stats({ pid: 2, at: 1_000, total: { a: 3 } }),
      two: stats({ at: 1_000, total: { a: 7 } }),
    });
    const { workers, rates } = snapshotOf(now, before);
    expect(workers.map(({ rate }) => rate)).toEqual([undefined, undefined]);
    expect(rates?.succeeded).toBe(0);
  });

  it('keeps a worker in sight that lives and does not answer', () => {
    const silent = new Map([
      ['heard', { facts: stats({ pid: 7 }), since: 1_000 }],
      ['unheard', { facts: undefined, since: 4_000 }],
    ]);
    expect(snapshotOf(sample(4_000, {}, { silent })).workers).toMatchObject([
      { name: 'heard', pid: 7, silent: 3 },
      { name: 'unheard', pid: 0, silent: 0 },
    ]);
  });

  it('has the tasks that run, the longest first', () => {
    const task = (id: string, began: number): ActiveTask => ({
      id,
      name: 'a',
      queue: 'default',
      args: '',
      retries: 0,
      startedAt: new Date(began).toISOString(),
    });
    const active = {
      one: [task('young', 9_000), task('ahead', 11_000)],
      two: [task('old', 1_000)],
      three: { error: 'it could not say' },
    };
    expect(
      snapshotOf(sample(10_000, {}, { active })).running.map(({ id, worker, seconds }) => [
        id,
        worker,
        seconds,
      ]),
    ).toEqual([
      ['old', 'two', 9],
      ['young', 'one', 1],
      ['ahead', 'one', 0],
    ]);
  });
});
