/** Middleware: code around the sending of calls and around the running of tasks. */
import { show } from '../config/setting.js';
import { refuseUnknown } from '../config/resolve.js';
import { ConfigError } from '../errors.js';
import { note } from '../codec/index.js';
import { failureOf, reasonOf } from '../result/failure.js';
import type { TaskContext } from '../task/context.js';
import type { Publication } from './events.js';

/**
 * Wraps calls, runs, or both: `app.use(middleware)`. The first that is registered is the outermost.
 *
 * @example
 * ```ts
 * app.use({
 *   name: 'tenant',
 *   publish(call, next) {
 *     call.headers['tenant'] = currentTenant();
 *     return next();
 *   },
 *   run: (context, next) => withTenant(context.headers['tenant'], next),
 * });
 * ```
 */
export interface Middleware {
  /** Stands in errors. */
  readonly name?: string;
  /**
   * Around the sending of every message: calls, and each step of a canvas when its turn has come,
   * which a worker sends. It may change the call, and has to call `next` once. What it throws
   * rejects the call.
   *
   * @param next sends the call; resolves when Redis has it
   */
  publish?(call: Publication, next: () => Promise<void>): unknown;
  /**
   * Around the run of a task, in the process that runs it, once for each attempt. What it throws
   * the task has thrown. What it returns is the task's value; where that is `undefined`, the value
   * is what `next` gave. Without `next` the task does not run.
   *
   * @param next runs the task's function; gives what it returns
   */
  run?(context: TaskContext, next: () => Promise<unknown>): unknown;
}

/** @throws ConfigError when it is none */
export function checkMiddleware(given: unknown): Middleware {
  if (typeof given !== 'object' || given === null)
    throw new ConfigError(
      `app.use() takes an object with publish(call, next), run(context, next) or both, got ${show(given)}`,
    );
  const { name, publish, run } = given as Record<string, unknown>;
  // A class may have more; a plain object with more is mistyped.
  if (Object.getPrototypeOf(given) === Object.prototype)
    refuseUnknown({ ...given }, ['name', 'publish', 'run'], 'a middleware');
  const what = typeof name === 'string' ? `middleware ${name}` : 'a middleware';
  for (const [key, value] of Object.entries({ publish, run }))
    if (value !== undefined && typeof value !== 'function')
      throw new ConfigError(`${what}: ${key} must be a function, got ${show(value)}`);
  if (publish === undefined && run === undefined)
    throw new ConfigError(`${what} needs a publish(call, next) or a run(context, next)`);
  return given as Middleware;
}

/** Calls `publish` of each, the first outermost; then sends, once. */
export async function publishThrough<R>(
  middleware: readonly Middleware[],
  call: Publication,
  send: () => Promise<R>,
): Promise<R> {
  let sending: Promise<R> | undefined;
  const enter = async (at: number): Promise<void> => {
    const layer = middleware[at];
    if (!layer) {
      sending = send();
      await sending;
      return;
    }
    if (!layer.publish) return enter(at + 1);
    const next = once(layer, () => enter(at + 1));
    await layer.publish(call, next);
    if (!next.called)
      throw new ConfigError(
        `${nameOf(layer)} did not call next(), so task ${call.name}[${call.id}] was not sent`,
      );
    await next.called;
  };
  try {
    await enter(0);
  } catch (error) {
    // What was sent and then failed in a layer: who calls hears of the layer.
    sending?.catch(() => undefined);
    throw error;
  }
  return sending as Promise<R>;
}

/** Calls `run` of each, the first outermost; then the task's function. */
export function runThrough(
  middleware: readonly Middleware[],
  context: TaskContext,
  body: () => unknown,
): Promise<unknown> {
  const enter = async (at: number): Promise<unknown> => {
    const layer = middleware[at];
    if (!layer) return body();
    if (!layer.run) return enter(at + 1);
    const next = once(layer, () => enter(at + 1));
    const returned = await ranBy(layer, context, next);
    if (returned !== undefined || !next.called) return returned;
    // It did not hand the value on, or did not even wait for it. A failure that it caught is over.
    return next.failed ? undefined : next.called;
  };
  return enter(0);
}

/**
 * Runs a layer. What it throws the task has thrown; where that does not lead to what the task's own code
 * had thrown, as code does that throws while it cleans up, the latter is noted on it and logged.
 */
async function ranBy(
  layer: Middleware,
  context: TaskContext,
  next: Next<unknown>,
): Promise<unknown> {
  try {
    return await layer.run?.(context, next);
  } catch (thrown) {
    const { failed } = next;
    if (failed && !leadsTo(thrown, failed.error)) {
      note(thrown, `${nameOf(layer)} threw this; before it ${reasonOf(failureOf(failed.error))}`);
      const { name: task, id } = context;
      const what = `${nameOf(layer)} threw another error in place of this one`;
      context.logger.error({ task, id, err: failed.error }, what);
    }
    throw thrown;
  }
}

/** Whether an error is another one, or has it among its causes. */
function leadsTo(thrown: unknown, error: unknown): boolean {
  let one = thrown;
  for (let depth = 0; depth < mostCauses; depth += 1) {
    if (one === error) return true;
    try {
      one = (one as { cause?: unknown } | undefined)?.cause;
    } catch {
      // A getter of the user's.
      return false;
    }
  }
  return false;
}

const mostCauses = 10;

/** A `next` that can be called once. */
interface Next<T> {
  (): Promise<T>;
  called: Promise<T> | undefined;
  /** What it was rejected with. */
  failed: { readonly error: unknown } | undefined;
}

function once<T>(layer: Middleware, go: () => Promise<T>): Next<T> {
  const next: Next<T> = () => {
    if (next.called)
      return Promise.reject(new ConfigError(`${nameOf(layer)} called next() more than once`));
    next.called = go();
    // Whoever goes on without it hears of its failure in another way, or has chosen not to.
    next.called.catch((error: unknown) => {
      next.failed = { error };
    });
    return next.called;
  };
  next.called = undefined;
  next.failed = undefined;
  return next;
}

const nameOf = ({ name }: Middleware): string =>
  name === undefined ? 'a middleware' : `middleware ${name}`;
