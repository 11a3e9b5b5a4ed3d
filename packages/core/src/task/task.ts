/** The task: a function that can also be called in another process. */
import type { HandleMaker } from '../codec/index.js';
import { type CanvasSender, type Group, Signature } from '../canvas/canvas.js';
import { taskNode } from '../canvas/tree.js';
import { chunks, map, starmap } from '../canvas/items.js';
import type { Mapping } from '../map/mapping.js';
import type { MapOptions, MapOptionsOf, OnItemError, Streamed } from '../map/options.js';
import type { AnyItem, FitItems, FitRows, MapSource } from '../map/source.js';
import { show } from '../config/setting.js';
import { ConfigError, RegistryError } from '../errors.js';
import type { Hooks } from '../hooks/hooks.js';
import type { EagerResult } from '../result/eager-result.js';
import { attempt, type Sent } from '../result/sent.js';
import { type CallSettings, checkCallOptions } from './call.js';
import { type AnyFunction, type Definition, define, type Method } from './definition.js';
import { runEagerly } from './eager.js';
import type {
  ParametersOf,
  ReturnOf,
  TakesCalls,
  TaskArguments,
  TaskFunction,
  TaskValue,
} from './function-types.js';
import type { CallOptions, TaskOptions } from './options.js';
import { checkArguments } from './parameters.js';
import { parseArguments } from './run.js';

/** What a task needs of its App: to send a call. */
export interface Sender {
  /** Checks the arguments and sends a call. */
  send(
    definition: Definition,
    name: string,
    args: readonly unknown[],
    call: CallSettings,
  ): Sent<unknown>;
  /** Sends a canvas. */
  sendCanvas: CanvasSender['sendCanvas'];
  applyCanvas: CanvasSender['applyCanvas'];
  readonly couriers: CanvasSender['couriers'];
  /** A definition as its App runs it: a method on the object that the App was given. */
  own(definition: Definition): Definition;
  readonly maxPayload: number;
  /** Makes the handles on tasks that values hold. */
  readonly handles: HandleMaker;
  readonly hooks: Hooks;
}

/** What a task can do beside being called. */
export interface TaskMethods<A extends readonly unknown[], R> {
  /** The task's name. */
  readonly name: string;
  /**
   * Sends a call to a worker.
   *
   * @returns at once: a promise of the `AsyncResult`, which resolves when Redis has the message,
   * and which carries `id`, `get()` and `revoke()` itself
   * @throws (rejects) ArgumentsError, EncodeError, PayloadTooLargeError before anything is sent;
   * BrokerError when Redis does not take it within `sendTimeout`
   * @example
   * ```ts
   * const sum = await add.delay(1, 2).get({ timeout: '10s' });
   * ```
   */
  delay(...args: A): Sent<R>;
  /**
   * Sends a call to a worker, with options.
   * @example
   * ```ts
   * await add.applyAsync([1, 2], { countdown: '1m', queue: 'slow' });
   * ```
   */
  applyAsync<I extends boolean = false>(
    args: Readonly<A>,
    options?: CallOptions & { ignoreResult?: I },
  ): Sent<[I] extends [true] ? undefined : R>;
  /**
   * Runs the task here and now, by the same path as a worker: arguments and result travel through
   * the codec, retries are made (without their waits), errors are those of a worker.
   */
  apply(args: Readonly<A>, options?: CallOptions): EagerResult<R>;
  /**
   * A signature: a call that is not sent yet, for canvases. The arguments are the last ones; those
   * that come from the step before stand in front of them.
   * @example
   * ```ts
   * await chain(add.s(1, 2), add.s(4)).delay().get(); // add(add(1, 2), 4)
   * ```
   */
  s<G extends Endings<A>>(...args: G): Signature<Remaining<A, G>, R>;
  /** An immutable signature: it takes nothing from the step before. */
  si(...args: A): Signature<[], R>;
  /** A signature with options. */
  signature<G extends Endings<A>>(args: G, options?: CallOptions): Signature<Remaining<A, G>, R>;
  /**
   * Runs the task on each item. In a canvas, or with `delay()`, in one message; with `for await` as
   * a stream, in chunks on all workers.
   * @throws ConfigError for wrong options, or items that are none
   * @example
   * ```ts
   * for await (const y of square.map(numbers(), { ordered: false })) console.log(y);
   * ```
   */
  map<I extends A[0] | AnyItem, E extends OnItemError = 'throw'>(
    items: MapSource<I> & FitItems<I, A>,
    options?: MapOptionsOf<E>,
  ): Mapping<R, Streamed<R, E>>;
  /** Runs the task on each list of arguments: `map`, for tasks of several arguments. */
  starmap<I extends Readonly<A> | AnyItem, E extends OnItemError = 'throw'>(
    items: MapSource<I> & FitRows<I, A>,
    options?: MapOptionsOf<E>,
  ): Mapping<R, Streamed<R, E>>;
  /** Runs the task on each list of arguments, `size` of them in each message. */
  chunks<I extends Readonly<A> | AnyItem>(
    items: Iterable<I> & FitRows<I, A>,
    size: number,
  ): Group<[], R[][]>;
}

/** The lists of arguments that a list of parameters may end with. */
export type Endings<A extends readonly unknown[]> = A[number][] extends A
  ? A
  : A extends readonly []
    ? []
    : A extends readonly [unknown?, ...infer Rest]
      ? A | Endings<Rest>
      : readonly unknown[];

/** The parameters in front of those that have an argument. */
export type Remaining<
  A extends readonly unknown[],
  G extends readonly unknown[],
> = G extends readonly [] ? Taken<A> : Taken<Fronts<A, G>>;

/** `Nothing` by its shape: its name would get into the declarations of who exports a signature. */
type Taken<A extends readonly unknown[]> = [A] extends [readonly []] ? [nothing?: never] : A;

/** The ways to fill the parameters in front of arguments, so that these come where they fit. */
type Fronts<
  A extends readonly unknown[],
  G extends readonly unknown[],
  Front extends readonly unknown[] = [],
> = A[number][] extends A
  ? G extends A
    ? [...Front, ...A]
    : never
  :
      | (G extends A ? Front : never)
      | (A extends readonly []
          ? never
          : A extends readonly [unknown?, ...infer Rest]
            ? Fronts<Rest, G, [...Front, ...Head<A, Rest>]>
            : never);

type Head<A extends readonly unknown[], Rest extends readonly unknown[]> = A extends readonly [
  ...infer H,
  ...Rest,
]
  ? unknown[] extends H
    ? [A[0]]
    : Required<H>
  : [A[0]];

/**
 * A function that is also a task.
 *
 * @typeParam F the function; what callers give to it is what they give to the task
 */
export type Task<F extends TaskFunction = AnyFunction> = F &
  Applicable &
  TaskMethods<ParametersOf<F>, Awaited<ReturnOf<F>>>;

/** A task is applied as any function is where its arguments are given as the second argument. */
interface Applicable {
  /** Calls the function, as `Function.prototype.apply` does. */
  apply<T, A extends readonly unknown[], R>(
    this: (this: T, ...args: A) => R,
    self: T,
    args: Readonly<A>,
  ): R;
}

/** The task of a function, which may be one that takes a list of calls. */
export type TaskOf<F extends TaskFunction> = F extends TakesCalls
  ? [TaskArguments<F>] extends [ParametersOf<F>]
    ? Task<F>
    : F & TaskMethods<TaskArguments<F>, TaskValue<F>>
  : Task<F>;

const definitions: unique symbol = Symbol.for('dtask.task') as never;

/** What a task is inside: its definition, and the Apps that it belongs to. */
interface Inside {
  readonly definition: Definition;
  sender: Sender | undefined;
  /** The App that declared it; absent for a task that was declared free of one. */
  home: Sender | undefined;
}

/** Makes a task of a function. Unbound, it can be called but not sent. */
export function createTask<F extends AnyFunction>(
  fn: F,
  options: TaskOptions,
  name: string | undefined,
  method?: Method,
): Task<F> {
  const inside: Inside = {
    definition: define(fn, options, name, method),
    sender: undefined,
    home: undefined,
  };
  const task = function (this: unknown, ...args: unknown[]): unknown {
    return fn.apply(this, args);
  };
  Object.defineProperties(task, {
    [definitions]: { value: inside },
    length: { value: fn.length },
    name: { get: () => inside.definition.name ?? fn.name },
  });
  Object.setPrototypeOf(task, taskPrototype);
  return task as unknown as Task<F>;
}

/** Whether a value is a task, of this copy of dtask or another. */
export function isTask(value: unknown): value is Task {
  return typeof value === 'function' && definitions in value;
}

/** The inside of a task, for App and worker. */
export function inside(task: unknown): Inside {
  if (isTask(task)) return (task as unknown as Record<typeof definitions, Inside>)[definitions];
  throw new RegistryError(
    `${typeof task === 'function' ? task.name || 'this function' : String(task)} is not a task; mark it with @app.task() or wrap it with app.task(name, fn)`,
  );
}

/**
 * Gives the task of a decorated method its type, where `delay` on every function is not wanted.
 *
 * @throws RegistryError when the function is not a task
 * @example
 * ```ts
 * await taskOf(MathTasks.square).delay(5);
 * ```
 */
export function taskOf<F extends TaskFunction>(fn: F): TaskOf<F> {
  inside(fn);
  return fn as unknown as TaskOf<F>;
}

/** The methods of every task, on a prototype of their own between the task and `Function`. */
const taskPrototype: object = Object.create(Function.prototype, {
  delay: method(function (this: Task, ...args: unknown[]) {
    return send(this, args, undefined);
  }),
  applyAsync: method(function (this: Task, args: unknown, options?: CallOptions) {
    return attempt(() => send(this, listed(this, 'applyAsync', args), options));
  }),
  apply: method(function (this: Task, first: unknown, second?: unknown) {
    // Function.prototype.apply keeps working: its second argument is a list, ours is options.
    const isCall = Array.isArray(first) && !Array.isArray(second) && !isArguments(second);
    if (!isCall) return Reflect.apply(this, first, (second ?? []) as unknown[]);
    const { definition, sender } = inside(this);
    return runEagerly(
      nameOf(definition),
      sender?.own(definition) ?? definition,
      first,
      checkCallOptions(second as CallOptions),
      sender,
    );
  }),
  s: method(function (this: Task, ...args: unknown[]) {
    return signatureOf(this, args, {}, false);
  }),
  si: method(function (this: Task, ...args: unknown[]) {
    return signatureOf(this, args, {}, true);
  }),
  signature: method(function (this: Task, args: unknown, options?: CallOptions) {
    return signatureOf(this, listed(this, 'signature', args), checkCallOptions(options), false);
  }),
  map: method(function (this: Task, items: Iterable<unknown>, options?: MapOptions) {
    return map(this, items, options);
  }),
  starmap: method(function (this: Task, items: Iterable<never>, options?: MapOptions) {
    return starmap(this, items, options);
  }),
  chunks: method(function (this: Task, items: Iterable<never>, size: number) {
    return chunks(this, items, size);
  }),
});

/**
 * Arguments that are given as one list.
 *
 * @throws ConfigError where they are not, as those of an untyped caller may be
 */
function listed(task: Task, method: string, args: unknown): readonly unknown[] {
  if (Array.isArray(args)) return args;
  throw new ConfigError(
    `${task.name}.${method} takes the arguments as a list, as in ${method}([1, 2], { queue: 'slow' }); got ${show(args)}`,
  );
}

function signatureOf(
  task: Task,
  args: readonly unknown[],
  options: CallSettings,
  immutable: boolean,
): Signature {
  const { definition } = inside(task);
  // By Celery's rule a call's options win; the task's own are looked up when it is sent.
  const node = taskNode(nameOf(definition), args, options, immutable);
  return new Signature(node, () => inside(task).sender);
}

function method(value: AnyFunction): PropertyDescriptor {
  return { value, writable: true, configurable: true };
}

const isArguments = (value: unknown): boolean =>
  Object.prototype.toString.call(value) === '[object Arguments]';

function send(
  task: Task,
  args: readonly unknown[],
  options: CallOptions | undefined,
): Sent<unknown> {
  return attempt(() => {
    const { definition, sender } = inside(task);
    const name = nameOf(definition);
    if (sender) return sender.send(definition, name, args, checkCallOptions(options));
    throw new RegistryError(
      `task ${name} belongs to no App, so there is nowhere to send it; give it to one: new App(name, { tasks: [task] }) or app.register(task)`,
    );
  });
}

/** @throws RegistryError when the task has no name yet */
export function nameOf(definition: Definition): string {
  if (definition.name !== undefined) return definition.name;
  throw new RegistryError(
    `a task of the method ${definition.fn.name || '(anonymous)'} has no name yet; give it one, @app.task({ name: '...' }), or register its class`,
  );
}

/** Checks a call's arguments; gives what they parse to, or a promise where a schema is async. */
export function checkCall(
  definition: Definition,
  name: string,
  args: readonly unknown[],
): readonly unknown[] | Promise<readonly unknown[]> {
  checkArguments(name, definition.parameters, args);
  return parseArguments(definition, name, args);
}
