/** One call of a task that takes many of them at a time. */
import { ConfigError } from '../errors.js';
import type { TaskContext } from './context.js';

/** Tells a list of calls from any other argument, for types alone. */
declare const batched: unique symbol;

/**
 * One of the calls that a task with `batch: { gather: true }` gets.
 *
 * @typeParam A the arguments that callers give
 * @example
 * ```ts
 * const embed = app.task(
 *   'embed',
 *   async (calls: readonly BatchCall<[text: string]>[]) => model.embed(calls.map(({ args }) => args[0])),
 *   { batch: { gather: true } },
 * );
 * const vector = await embed.delay('text').get();
 * ```
 */
export interface BatchCall<A extends readonly unknown[] = readonly unknown[]> {
  readonly [batched]?: never;
  /** The task's id. */
  readonly id: string;
  readonly args: A;
  /** What the caller attached. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** How many times it has been retried. */
  readonly retries: number;
  /** Aborted when this call is revoked, and whenever that of `currentTask()` is. */
  readonly signal: AbortSignal;
}

type IsAny<T> = 0 extends 1 & T ? true : false;

/** The arguments of the calls in a list; `never` where it is no list of calls. */
type CallsIn<L> =
  IsAny<L> extends true
    ? never
    : L extends readonly (infer E)[]
      ? IsAny<E> extends true
        ? never
        : [E] extends [never]
          ? never
          : typeof batched extends keyof E
            ? E extends BatchCall<infer A>
              ? A
              : never
            : never
      : never;

/** The arguments that callers give, from those that a function takes. */
export type CalledWith<A extends readonly unknown[]> = A extends readonly [infer L]
  ? [CallsIn<L>] extends [never]
    ? A
    : CallsIn<L>
  : A;

/** What one call gives, from what a function that takes `A` returns. */
export type GivenFor<A extends readonly unknown[], R> = A extends readonly [infer L]
  ? [CallsIn<L>] extends [never]
    ? Awaited<R>
    : OneOf<Awaited<R>>
  : Awaited<R>;

type OneOf<R> = R extends readonly (infer V)[] ? Exclude<V, Error> : never;

/** A call that is the only one of its batch: the task that runs here. */
export function onlyCall(context: TaskContext, args: readonly unknown[]): BatchCall {
  const { id, headers, retries, signal } = context;
  return { id, args, headers, retries, signal };
}

/**
 * Checks what a task gave for its calls.
 *
 * @throws ConfigError when it is not a list with as many places as there were calls
 */
export function checkEnds(task: string, given: unknown, count: number): readonly unknown[] {
  if (Array.isArray(given) && given.length === count) return given as unknown[];
  const got = Array.isArray(given) ? `${given.length} of them` : `a value of type ${typeof given}`;
  throw new ConfigError(
    `task ${task} got ${count} ${count === 1 ? 'call' : 'calls'} and must return an array with a value, or an Error, for each in their order; it returned ${got}`,
  );
}
