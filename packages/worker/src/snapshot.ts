/** What a worker does at one moment, for its log. */
import type { PoolKind } from '@dtask/core';
import { formatMilliseconds } from '@dtask/core/internal';
import type { Current } from './current.js';

/** A task that runs, or waits for a child to run in. */
export interface RunningTask {
  readonly task: string;
  readonly id: string;
  readonly queue: string;
  readonly pool: PoolKind;
  /** How many times it has been retried. */
  readonly retries: number;
  /** When it began, as an ISO date; absent while it waits for a child. */
  readonly since?: string;
}

/** A worker at one moment. */
export interface Snapshot {
  readonly pool: PoolKind;
  /** How many tasks may run at a time. */
  readonly concurrency: number;
  readonly queues: readonly string[];
  readonly running: readonly RunningTask[];
}

/** One job, as a snapshot shows it. */
export function runningTask({ job, queue, message, began }: Current, pool: PoolKind): RunningTask {
  return {
    task: message?.name ?? String(job.name),
    id: job.id ?? '',
    queue,
    pool,
    retries: job.attemptsMade,
    ...(began > 0 && { since: new Date(began).toISOString() }),
  };
}

/**
 * Says for people what runs: one line for the worker, one for each task.
 *
 * @param now the server's time
 */
export function describeSnapshot(
  { pool, concurrency, queues, running }: Snapshot,
  now: number,
): string {
  const head = `${running.length} of ${concurrency} running (pool ${pool}, queues ${queues.join(', ')})`;
  const lines = running.map(({ task, id, queue, since, retries, ...ran }) => {
    const span = since && formatMilliseconds(now - Date.parse(since));
    const times = retries > 0 ? `, retried ${retries === 1 ? 'once' : `${retries} times`}` : '';
    return `${task}[${id}] ${span ? `since ${since}, for ${span}` : 'waits for a child'}, from ${queue}, ${ran.pool}${times}`;
  });
  return [head, ...lines].join('\n');
}
