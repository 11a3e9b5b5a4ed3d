/** Runs a task with all that stands around its function: hooks and middleware. */
import type { Hooks } from '../hooks/hooks.js';
import type { RejectedTask, RevokedTask, TaskEnding } from '../hooks/events.js';
import { runThrough } from '../hooks/middleware.js';
import { Reject } from '../steering.js';
import { runInContext, type TaskContext } from './context.js';
import type { Definition } from './definition.js';
import { runTask } from './run.js';
import type { Verdict } from './verdict.js';

/**
 * Runs a task: `taskPrerun`, `onStart`, then its function within the middleware. Where nothing is
 * registered this is `runTask`: a function that is not async costs no promise.
 *
 * @returns what the task gives, or a promise of it
 * @throws what the task or a middleware throws; with a promise, it may be rejected so
 */
export function perform(definition: Definition, context: TaskContext, hooks: Hooks): unknown {
  if (!hooks.touchesRuns && !definition.hooks?.onStart) return runTask(definition, context);
  return runInContext(context, () => performWith(definition, context, hooks));
}

async function performWith(
  definition: Definition,
  context: TaskContext,
  hooks: Hooks,
): Promise<unknown> {
  const { hooks: own } = definition;
  await hooks.emit('taskPrerun', { context });
  if (own?.onStart) await hooks.guard('onStart', () => own.onStart?.(context));
  return runThrough(hooks.middleware, context, () => runTask(definition, context));
}

/**
 * Tells the hooks how a run has ended: the task's own, then the App's, in Celery's order. To be
 * called in the process that ran the task, once the end is stored.
 *
 * @returns nothing where nobody listens; else a promise that is never rejected
 */
export function conclude(
  definition: Pick<Definition, 'hooks'>,
  context: TaskContext,
  ending: TaskEnding,
  hooks: Hooks,
): Promise<void> | undefined {
  if (!hooks.touchesEnds && !definition.hooks) return undefined;
  return runInContext(context, () => concludeWith(definition, context, ending, hooks));
}

async function concludeWith(
  { hooks: own = {} }: Pick<Definition, 'hooks'>,
  context: TaskContext,
  ending: TaskEnding,
  hooks: Hooks,
): Promise<void> {
  const { state, value, error, wait = 0 } = ending;
  switch (state) {
    case 'SUCCESS':
      await hooks.guard('onSuccess', () => own.onSuccess?.(value, context));
      await hooks.emit('taskSuccess', { context, value });
      break;
    case 'FAILURE':
      await hooks.guard('onFailure', () => own.onFailure?.(error, context));
      await hooks.emit('taskFailure', { context, error });
      break;
    case 'RETRY':
      await hooks.guard('onRetry', () => own.onRetry?.(error, context));
      await hooks.emit('taskRetry', { context, error, wait });
      break;
    case 'IGNORED':
    case 'REJECTED':
    case 'REPLACED':
      break;
  }
  if (error instanceof Reject) await hooks.emit('taskRejected', rejectionOf(context, error));
  if (state === 'SUCCESS' || state === 'FAILURE')
    await hooks.guard('afterReturn', () => own.afterReturn?.(ending, context));
  await hooks.emit('taskPostrun', { context, ...ending });
}

/** How a run has ended that threw. */
export function endingOf(verdict: Verdict, thrown: unknown): TaskEnding {
  switch (verdict.kind) {
    case 'fail':
      return { state: 'FAILURE', error: verdict.error };
    case 'retry':
      return { state: 'RETRY', error: verdict.error, wait: verdict.wait };
    case 'ignore':
      return { state: 'IGNORED', error: thrown };
    case 'requeue':
      return { state: 'REJECTED', error: thrown };
  }
}

/** What is told of a run's message. */
function rejectionOf(
  { id, name, args, headers, queue, worker, retries }: TaskContext,
  error: Reject,
): RejectedTask {
  return { id, name, args, headers, queue, worker, retries, error, requeue: error.requeue };
}

/** Tells the hooks of a task that has ended as `REVOKED`; the promise is never rejected. */
export function tellRevoked(
  definition: Pick<Definition, 'hooks'> | undefined,
  task: RevokedTask,
  hooks: Hooks,
): Promise<void> | undefined {
  const own = definition?.hooks;
  if (!own?.onRevoked) return hooks.emit('taskRevoked', task);
  return hooks
    .guard('onRevoked', () => own.onRevoked?.(task))
    .then(() => hooks.emit('taskRevoked', task));
}
