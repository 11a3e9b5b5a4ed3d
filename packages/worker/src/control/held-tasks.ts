/** The tasks that a worker has, as answers show them. */
import type { ActiveTask, HeldTask } from '@dtask/core';
import { briefArgs } from '@dtask/core/internal';
import type { Current } from '../current.js';
import { readMessage } from '../read-message.js';

/** Those that run. */
export function activeTasks(current: Iterable<Current>): ActiveTask[] {
  return [...current].flatMap(({ queue, run }) => {
    if (!run) return [];
    const { id, name, retries } = run;
    const startedAt = new Date(run.startedAt).toISOString();
    return [{ id, name, queue, args: briefArgs(run.args), retries, startedAt }];
  });
}

/** Those that wait in the worker for their turn. */
export function reservedTasks(current: Iterable<Current>): HeldTask[] {
  return [...current].flatMap(({ job, queue, run }) => {
    if (run) return [];
    const message = readMessage(job);
    const args = message instanceof Error ? '' : briefArgs(message.args);
    return [{ id: job.id ?? '', name: job.name, queue, args, retries: job.attemptsMade }];
  });
}
