/** How jobs end that have failed. */
import type { Job } from 'bullmq';
import { WorkerLostError } from '@dtask/core';
import type { Message } from '@dtask/core/internal';

/** What BullMQ is told of a failed run; the task's own error is in its result. */
export class FailedRun extends Error {
  constructor(error: unknown) {
    super(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    this.name = 'FailedRun';
    if (error instanceof Error && error.stack) this.stack = error.stack;
  }
}

/** What became of a task whose process dies each time. */
export function lost({ name, id }: Message, { stalledCounter }: Job): WorkerLostError {
  return new WorkerLostError(
    `the worker process of task ${name}[${id}] died ${stalledCounter} times while it ran`,
  );
}
