/** What a running task knows of itself. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { RegistryError } from '../errors.js';
import type { CanvasLike } from '../canvas/tree.js';
import type { RetryRequest } from '../steering.js';

/** A logger whose lines carry the task's name and id. */
export interface TaskLogger {
  debug(details: object | string, message?: string): void;
  info(details: object | string, message?: string): void;
  warn(details: object | string, message?: string): void;
  error(details: object | string, message?: string): void;
}

/**
 * The running task, as `currentTask()` gives it, or as `this` of a wrapped function that declares
 * `this: TaskContext`. The `this` of a decorated method is its own object.
 */
export interface TaskContext {
  /** The task's id. */
  readonly id: string;
  /** The task's name. */
  readonly name: string;
  readonly args: readonly unknown[];
  /** How many times it has been retried before this run. */
  readonly retries: number;
  /** The queue it came from; empty where it runs by `apply`. */
  readonly queue: string;
  /** The worker's name; empty where it runs by `apply`. */
  readonly worker: string;
  /** What the caller attached. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** The first task of the tree that this one belongs to. */
  readonly rootId: string;
  /**
   * The task that called this one; of a step of a canvas the task before it, and of what follows a
   * group the part that completed it.
   */
  readonly parentId: string | undefined;
  /** When the call is no longer wanted. */
  readonly expires: Date | undefined;
  /** The group that it is a part of, by its id. */
  readonly group: string | undefined;
  /** The longest time that this run may take, in milliseconds, wherever that was said. */
  readonly timeLimit: number | undefined;
  /** When its signal fires for its time, in milliseconds from its start. */
  readonly softTimeLimit: number | undefined;
  /** When its `timeLimit` ends it. */
  readonly deadline: Date | undefined;
  /** Whether it runs by `apply`, without a worker. */
  readonly isEager: boolean;
  /**
   * Aborted when the task is revoked, when its `softTimeLimit` has passed (with a
   * `SoftTimeLimitExceededError`), and when the worker is told to stop at once.
   */
  readonly signal: AbortSignal;
  /** Logs lines that carry the task's name and id. */
  readonly logger: TaskLogger;
  /**
   * Stores a state of the task's own, which `state()` and `info()` show.
   * @param state any name that is not a final state
   * @param details what goes with it
   */
  updateState(state: string, details?: unknown): Promise<void>;
  /** Stores the state `PROGRESS` with its details, and tells the caller who waits. */
  progress(details: unknown): Promise<void>;
  /**
   * Tells an event of the task's own, `task-custom`, to those who listen, if events are on.
   * @param event its name
   * @param fields what goes with it, as JSON
   * @example
   * ```ts
   * currentTask().sendEvent('page-done', { page: 3 });
   * ```
   */
  sendEvent(event: string, fields?: Readonly<Record<string, unknown>>): void;
  /**
   * Ends this run and has the task run again.
   * @throws Retry always
   */
  retry(request?: RetryRequest): never;
  /**
   * Ends this run and has a canvas do the task's work: its value is the task's value, and what
   * follows the task gets it.
   * @throws Replace always; ConfigError when the canvas is empty
   */
  replace(canvas: CanvasLike): never;
  /**
   * Adds a part to the group that this task is a part of, behind the others, before its body runs.
   * @throws RegistryError when the task is not a part of a group that something follows
   */
  addToChord(canvas: CanvasLike): Promise<void>;
  /** Hears of a task that this one has called. @internal */
  spawned?(id: string): void;
  /** The signal of one of the calls that run together here. @internal */
  signalOf?(call: string): AbortSignal;
  /** Lets another task run while this one waits for a result. @internal */
  yieldWhile?<R>(wait: Promise<R>): Promise<R>;
}

/** What all copies of dtask in a process have in common. */
interface Shared {
  readonly storage: AsyncLocalStorage<TaskContext>;
  /** How many tasks run of which the function has not returned for good. */
  running: number;
}

const place = Symbol.for('dtask.context');
const shared = ((globalThis as { [place]?: Shared })[place] ??= {
  storage: new AsyncLocalStorage<TaskContext>(),
  running: 0,
});
const { storage } = shared;

/**
 * The context of the task that runs here.
 *
 * @throws RegistryError when no task runs here
 * @example
 * ```ts
 * export const resize = app.task('resize', async (path: string) => {
 *   currentTask().logger.info({ path }, 'resizing');
 * });
 * ```
 */
export function currentTask(): TaskContext {
  const context = storage.getStore();
  if (context) return context;
  throw new RegistryError(
    'currentTask() was called outside a task; call it in a function that a worker runs',
  );
}

/** The context of the task that runs here, if one does. */
export const findCurrentTask = (): TaskContext | undefined => storage.getStore();

/**
 * The context of the task whose code goes on here, also when it has ended and no other runs: what it
 * has left behind still knows it, but nobody asks then.
 */
export function findPastTask(): TaskContext | undefined {
  if (shared.running > 0) return storage.getStore();
  // That switches it on.
  storage.run({} as TaskContext, () => undefined);
  const context = storage.getStore();
  storage.disable();
  return context;
}

/** Waits; where a task does, another one may run in its place meanwhile. */
export const yielding = <R>(wait: Promise<R>): Promise<R> =>
  findCurrentTask()?.yieldWhile?.(wait) ?? wait;

/**
 * Keeps what `runInContext` switches on. For a process that does nothing but run tasks: to switch
 * it on and off for each costs more there than the promises of others.
 */
export function keepContext(): void {
  shared.running += 1;
}

/**
 * Runs a function as the body of a task: in it, and in all that it awaits, `currentTask()` is its
 * context.
 *
 * On Node 20 an AsyncLocalStorage that is in use makes every promise of the process dearer, a third
 * of what a short task costs. So it is in use only while a task runs.
 */
export function runInContext<R>(context: TaskContext, body: () => R): R {
  shared.running += 1;
  let returned: R;
  let waits: boolean;
  try {
    returned = storage.run(context, body);
    waits = isPromiseLike(returned);
  } catch (error) {
    ended();
    throw error;
  }
  if (!waits) {
    ended();
    return returned;
  }
  // One promise for all who wait: a query builder, for one, runs its query at each `then`.
  const promise = Promise.resolve(returned);
  promise.then(ended, ended);
  return promise as R;
}

function ended(): void {
  shared.running -= 1;
  if (shared.running === 0) storage.disable();
}

/** Whether a task's function has returned before it has ended. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  );
}
