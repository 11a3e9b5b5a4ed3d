/** The tasks that a worker has, as answers show them. */
import type { ActiveTask, HeldTask } from '@dtask/core';
import { briefArgs } from '@dtask/core/internal';
import type { Current } from '../current.js';

/** Those that run. */
export function activeTasks(current: Iterable<Current>): ActiveTask[] {
  return [...current].flatMap((one) => {
    if (one.began === 0) return [];
    return [{ ...held(one), startedAt: new Date(one.began).toISOString() }];
  });
}

/** Those that wait in the worker: for a limit, say, or for Redis. */
export function reservedTasks(current: Iterable<Current>): HeldTask[] {
  return [...current].flatMap((one) => (one.began === 0 ? [held(one)] : []));
}

function held({ job, queue, message }: Current): HeldTask {
  return {
    id: job.id ?? '',
    name: job.name,
    queue,
    args: message ? briefArgs(message.args) : '',
    retries: job.attemptsMade,
  };
}
