/** The types of a task's function: what its callers give, and what they get. */
import type { BatchCall, CalledWith, GivenFor } from './batch-call.js';

/**
 * A function as `task()` takes it. The type has no call signature: TypeScript would take the types of parameters
 * without an annotation from such a signature, and would no longer report them.
 */
export interface TaskFunction extends Function {}

/** What a function must be beside `TaskFunction`; a text is the compiler's message. */
export type NoClass<F> = F extends abstract new (...args: never) => unknown
  ? 'a class is not a task: mark its methods with @app.task(), and give the class to app.register()'
  : unknown;

/* oxlint-disable typescript/no-explicit-any -- whatever `this` and arguments a function declares */

/** The parameters of a function; `this` left out, which callers do not give. */
export type ParametersOf<F> = F extends (this: any, ...args: infer A) => unknown ? A : any[];

/** What a function returns. */
export type ReturnOf<F> = F extends (this: any, ...args: never) => infer R ? R : never;

/** A function that may be one that takes a list of calls. */
export type TakesCalls = (this: any, calls: readonly BatchCall<any>[]) => unknown;

/** The arguments that callers of a task give. */
export type TaskArguments<F extends TaskFunction> = F extends TakesCalls
  ? CalledWith<ParametersOf<F>>
  : ParametersOf<F>;

/** What a task gives when it has ended. */
export type TaskValue<F extends TaskFunction> = F extends TakesCalls
  ? GivenFor<ParametersOf<F>, ReturnOf<F>>
  : Awaited<ReturnOf<F>>;
