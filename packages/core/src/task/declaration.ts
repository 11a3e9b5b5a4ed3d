/** The forms in which a task is declared, as the compiler sees them. */
import type { PeriodicOptions } from '../schedule/periodic.js';
import type { BatchOptions } from './batch.js';
import type { AnyFunction } from './definition.js';
import type {
  NoClass,
  ParametersOf,
  TakesCalls,
  TaskArguments,
  TaskFunction,
  TaskValue,
} from './function-types.js';
import type { ArgumentSchemas, PlainTaskOptions, TaskOptions } from './options.js';
import type { SchemaInput, SchemaOutput, StandardSchema } from './schema.js';
import type { TaskMethods, TaskOf } from './task.js';

/** What the schemas of arguments parse to. */
type Parsed<S> = S extends readonly StandardSchema[]
  ? { -readonly [K in keyof S]: SchemaOutput<S[K]> }
  : S extends StandardSchema
    ? SchemaOutput<S>
    : never;

/** Arguments at the end that may be left out, because `undefined` is one of their values. */
type Optional<A extends readonly unknown[]> = A extends readonly [...infer Front, infer Last]
  ? undefined extends Last
    ? [...Optional<Front>, Last?]
    : A
  : A;

/** The arguments that callers give where a task has schemas for them. */
type Given<S> = S extends readonly StandardSchema[]
  ? Optional<{ -readonly [K in keyof S]: SchemaInput<S[K]> }>
  : S extends StandardSchema
    ? SchemaInput<S>
    : never;

/** Schemas of the arguments that a function takes, for the compiler's message. */
export interface SchemasThatGive<Arguments> {
  readonly 'the function does not take what these schemas parse to': Arguments;
}

/** A schema that takes what a function gives, for the compiler's message. */
export interface SchemaThatTakes<Value> {
  readonly 'this schema does not take what the function gives': Value;
}

/** Schemas whose values a function takes, or a named type for the compiler's message. */
type TakesParsed<F extends TaskFunction, S> = [S] extends [undefined]
  ? unknown
  : Parsed<S> extends infer A extends readonly unknown[]
    ? TakesArguments<F, A>
    : unknown;

type TakesArguments<F extends TaskFunction, A extends readonly unknown[]> = F extends TakesCalls
  ? [A] extends [TaskArguments<F>]
    ? unknown
    : SchemasThatGive<TaskArguments<F>>
  : // oxlint-disable-next-line typescript/no-explicit-any -- whatever `this` the function declares
    F extends (this: any, ...args: A) => unknown
    ? unknown
    : SchemasThatGive<ParametersOf<F>>;

/** A schema that takes what a function gives, or a named type for the compiler's message. */
type TakesValue<F extends TaskFunction, S> = S extends StandardSchema
  ? TaskValue<F> extends SchemaInput<S>
    ? unknown
    : SchemaThatTakes<TaskValue<F>>
  : unknown;

type IsAny<T> = 0 extends 1 & T ? true : false;

/** Whether a function takes a list of calls, and nothing else would do. */
type IsOfCalls<F extends TaskFunction> = F extends TakesCalls
  ? ParametersOf<F> extends readonly [infer L]
    ? IsAny<L> extends true
      ? false
      : [TaskArguments<F>] extends [ParametersOf<F>]
        ? false
        : true
    : false
  : false;

/** What a function must be for the option `batch`; a text is the compiler's message. */
type FitsBatch<F extends TaskFunction, B> =
  IsOfCalls<F> extends true
    ? B extends { readonly gather: true }
      ? unknown
      : 'a function of a list of BatchCalls needs the option batch: { gather: true }'
    : B extends { readonly gather: true }
      ? F extends TakesCalls
        ? unknown
        : 'batch: { gather: true } needs a function of a list of calls: (calls: readonly BatchCall<[x: number]>[]) => ...'
      : unknown;

/** When a task is sent that needs no arguments; a text is the compiler's message. */
type Tick<F extends TaskFunction, S, T> =
  [] extends CallerArguments<F, S>
    ? T
    : 'a periodic task is sent without arguments: give those that this task needs in an entry of beat';

/** The arguments that callers give. */
type CallerArguments<F extends TaskFunction, S> = [S] extends [undefined]
  ? TaskArguments<F>
  : Given<S> extends infer A extends readonly unknown[]
    ? A
    : TaskArguments<F>;

/** What callers get. */
type CallerValue<F extends TaskFunction, S, I> = [I] extends [true]
  ? undefined
  : S extends StandardSchema
    ? SchemaOutput<S>
    : TaskValue<F>;

/**
 * The options of a task, beside its function.
 *
 * @typeParam F the function
 * @typeParam S the schemas of its arguments
 * @typeParam V the schema of its value
 * @typeParam I whether its value is ignored
 * @typeParam B how its calls are taken together
 */
export interface DeclarationOptions<F extends TaskFunction, S, V, I, B> extends PlainTaskOptions<
  TaskArguments<F>,
  TaskValue<F>
> {
  /**
   * Schema of the arguments: one for the whole list, or one for each. The function gets what they
   * parse to; callers may leave out what has a default.
   */
  args?: S & TakesParsed<F, S>;
  /** Schema of the result: the caller gets what it parses to. */
  returns?: V & TakesValue<F, V>;
  /** Store and push no result: `get()` gives `undefined` at once. @default false */
  ignoreResult?: I;
  /**
   * Whether calls that are made at about the same time go to Redis in one message; or, with `gather`,
   * how many of them the function gets at a time, as `BatchCall`s. Each is still a task of its own in
   * all that can be seen of it.
   * @default false
   */
  batch?: B;
  /** No option: tells `@app.task` without parentheses, which gets the context of a decorator. @internal */
  kind?: 'write @app.task() with parentheses';
  /** A fixed rate; see `PeriodicOptions`. */
  every?: Tick<F, S, NonNullable<PeriodicOptions['every']>>;
  /** A cron expression; see `PeriodicOptions`. */
  cron?: Tick<F, S, NonNullable<PeriodicOptions['cron']>>;
  /** A schedule; see `PeriodicOptions`. */
  schedule?: Tick<F, S, NonNullable<PeriodicOptions['schedule']>>;
}

/**
 * The options of a decorated method, which are given before the method is known.
 *
 * @typeParam S the schemas of its arguments
 * @typeParam V the schema of its value
 * @typeParam B how its calls are taken together
 */
export interface DecoratorOptions<S, V, B> extends Omit<TaskOptions, 'args' | 'returns' | 'batch'> {
  /**
   * Schema of the arguments: one for the whole list, or one for each. The method gets what they
   * parse to.
   */
  args?: S;
  /** Schema of the result: the caller gets what it parses to. */
  returns?: V;
  /** How calls are taken together; see `BatchOptions`. @default false */
  batch?: B;
}

/** What the compiler says of a method that asks for another `this` than its object. */
type OtherThis =
  'in a decorated method `this` is its own object; take the context from currentTask()';

/** What a method must be beside its type: one that takes its own object as `this`, or none. */
type OnItsObject<F, Owner> =
  Owner extends ThisParameterType<F>
    ? unknown
    : ThisParameterType<F> extends void
      ? unknown
      : OtherThis;

/** What a method must be for its options; a text, or a named type, is the compiler's message. */
type FitsOptions<F extends TaskFunction, S, V, B> = FitsBatch<F, B> &
  TakesParsed<F, S> &
  TakesValue<F, V>;

/**
 * What `@app.task()` gives.
 *
 * @typeParam S the schemas of the method's arguments
 * @typeParam V the schema of its value
 * @typeParam B how its calls are taken together
 */
export interface TaskDecorator<S = undefined, V = undefined, B = false> {
  /** The standard dialect. */
  <Owner, F extends AnyFunction>(
    method: F & OnItsObject<F, Owner> & FitsOptions<F, S, V, B>,
    // oxlint-disable-next-line typescript/no-explicit-any -- the owner is not to be read from the method
    context: ClassMethodDecoratorContext<Owner, any>,
  ): F;
  /** The dialect of `experimentalDecorators`. */
  <Owner extends object, F extends TaskFunction>(
    owner: Owner,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<F> & OnItsObject<F, Owner> & FitsOptions<F, S, V, B>,
  ): TypedPropertyDescriptor<F>;
}

/** The task that is made of a function and its options. */
export type Declared<F extends TaskFunction, S, V, I> = [S, V, I] extends [
  undefined,
  undefined,
  false,
]
  ? TaskOf<F>
  : F & TaskMethods<CallerArguments<F, S>, CallerValue<F, V, I>>;

/** What makes tasks: `app.task`, and `task` for libraries. */
export interface DeclareTask {
  /**
   * Makes a task of a function, under a name.
   *
   * @throws ConfigError when an option or the name is wrong, RegistryError when the name is taken
   * @example
   * ```ts
   * const add = app.task('math.add', (x: number, y: number) => x + y, { maxRetries: 3 });
   * ```
   */
  <
    F extends TaskFunction,
    const S extends ArgumentSchemas | undefined = undefined,
    V extends StandardSchema | undefined = undefined,
    I extends boolean = false,
    B extends boolean | BatchOptions = false,
  >(
    name: string,
    fn: F & NoClass<F> & FitsBatch<F, B>,
    options?: DeclarationOptions<F, S, V, I, B>,
  ): Declared<F, S, V, I>;
  /** Makes a task of a function, under the function's own name. */
  <
    F extends TaskFunction,
    const S extends ArgumentSchemas | undefined = undefined,
    V extends StandardSchema | undefined = undefined,
    I extends boolean = false,
    B extends boolean | BatchOptions = false,
  >(
    fn: F & NoClass<F> & FitsBatch<F, B>,
    options?: DeclarationOptions<F, S, V, I, B>,
  ): Declared<F, S, V, I>;
  /** Marks a method as a task: `@app.task()`, `@app.task({ name: 'math.square' })`. */
  <
    const S extends ArgumentSchemas | undefined = undefined,
    V extends StandardSchema | undefined = undefined,
    B extends boolean | BatchOptions = false,
  >(
    options?: DecoratorOptions<S, V, B>,
  ): TaskDecorator<S, V, B>;
}
