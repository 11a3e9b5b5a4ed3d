/** The hooks of one task. */
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import type { RevokedTask, TaskEnding } from '../hooks/events.js';
import type { TaskContext } from './context.js';

/**
 * What a task does beside its work. Each is awaited, and what it throws is logged and changes
 * nothing. They are Celery's, in Celery's order: `onStart`, the task, then when its end is stored
 * `onSuccess`, `onFailure` or `onRetry`, then `afterReturn`.
 *
 * @typeParam R what the task gives
 */
// oxlint-disable-next-line typescript/no-explicit-any -- a decorator does not know the value
export interface TaskHooks<R = any> {
  /** Before each attempt. */
  onStart?(context: TaskContext): unknown;
  /** Its value is stored, and what follows it in a canvas was sent. */
  onSuccess?(value: R, context: TaskContext): unknown;
  /** It has failed for good. */
  onFailure?(error: unknown, context: TaskContext): unknown;
  /** It is to run again. */
  onRetry?(error: unknown, context: TaskContext): unknown;
  /** It was revoked or expired. A task that has not started has no context. */
  onRevoked?(task: RevokedTask): unknown;
  /** After `onSuccess` or `onFailure`; not after a retry, and not where it was ignored. */
  afterReturn?(ending: TaskEnding, context: TaskContext): unknown;
}

const names = [
  'onStart',
  'onSuccess',
  'onFailure',
  'onRetry',
  'onRevoked',
  'afterReturn',
] as const satisfies readonly (keyof TaskHooks)[];

/**
 * Checks the hooks of a task.
 *
 * @throws ConfigError which names the one that is wrong
 */
export function checkTaskHooks(given: unknown, what: string): TaskHooks | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'object' || given === null)
    throw new ConfigError(`${what}: hooks must be an object of functions, got ${show(given)}`);
  refuseUnknown({ ...given }, names, `the hooks of ${what}`);
  for (const [name, hook] of Object.entries(given))
    if (hook !== undefined && typeof hook !== 'function')
      throw new ConfigError(`${what}: hooks.${name} must be a function, got ${show(hook)}`);
  return given as TaskHooks;
}
