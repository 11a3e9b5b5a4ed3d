/** A task's settings, checked once when it is declared. */
import { types } from 'node:util';
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import type { Packing } from '../broker/packer.js';
import { batchOf, type Gathering } from './batch.js';
import { callSettings, type CallSettings } from './call.js';
import { type Execution, executionOf } from './limits.js';
import { type TaskOptions, taskOptionKeys } from './options.js';
import { type PeriodicOptions, periodicKeys } from '../schedule/periodic.js';
import { type Parameters, parametersOf, parametersOfMethod } from './parameters.js';
import type { Receiver } from './receiver.js';
import { type RetryPolicy, retryPolicy } from './retry-policy.js';
import { isSchema, type StandardSchema } from './schema.js';
import { checkTaskHooks, type TaskHooks } from './task-hooks.js';

/** A function that can be a task. `any` because parameters are contravariant. */
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyFunction = (this: any, ...args: any[]) => unknown;

/** What is known of a task from its declaration. */
export interface Definition {
  /** Absent until the class of a method is known. */
  name: string | undefined;
  /** Whether its name is the function's or the class's, which a build may shorten. */
  readonly isNameDerived: boolean;
  readonly fn: AnyFunction;
  readonly calls: CallSettings;
  readonly retry: RetryPolicy;
  readonly execution: Execution;
  /** How its calls are taken together; absent where they are not. */
  readonly batch: Packing | Gathering | undefined;
  readonly parameters: Parameters;
  readonly args: StandardSchema | readonly StandardSchema[] | undefined;
  readonly returns: StandardSchema | undefined;
  readonly hooks: TaskHooks | undefined;
  /** When `dtask beat` sends it; absent for one that is not periodic. */
  readonly periodic: PeriodicOptions | undefined;
  /** What a decorated method is beside its function; absent for a plain function. */
  readonly method: Method | undefined;
}

/** A decorated method. */
export interface Method {
  /** The name by which objects have it; absent for a private one, which nothing overrides. */
  readonly key: string | symbol | undefined;
  readonly isStatic: boolean;
  /** The prototype or the class that it was declared on, where its decorator was told. */
  readonly owner: object | undefined;
  /** What it runs on: what the decorator knows of that, until an App is given an object. */
  receiver: Receiver;
}

/**
 * Checks a declaration.
 *
 * @throws ConfigError when an option is unknown or of the wrong kind
 */
export function define(
  fn: AnyFunction,
  options: TaskOptions,
  name: string | undefined,
  method?: Method,
): Definition {
  const what = `task ${name ?? (fn.name || '(anonymous)')}`;
  refuseUnknown(options as Record<string, unknown>, taskOptionKeys, what);
  if (name !== undefined) checkName(name);
  refuseGenerator(fn, what);
  const batch = batchOf(options as Record<string, unknown>, what);
  return {
    name,
    isNameDerived: options.name === undefined,
    fn,
    calls: callSettings(options),
    retry: retryPolicy(options),
    execution: executionOf(options),
    batch,
    // What such a function takes is not what its callers give.
    parameters:
      batch?.kind === 'gather'
        ? { most: undefined, types: [] }
        : method
          ? parametersOfMethod(fn, method.owner, method.key)
          : parametersOf(fn),
    args: argumentSchema(options.args, what),
    returns: resultSchema(options.returns, what),
    hooks: checkTaskHooks(options.hooks, what),
    periodic: periodicOf(options, what),
    method,
  };
}

/** A task's name goes into logs, URLs and commands, so it is one printable word. */
export function checkName(name: unknown): asserts name is string {
  if (typeof name === 'string' && /^[^\s\p{C}]{1,255}$/u.test(name)) return;
  throw new ConfigError(
    `a task's name must be 1 to 255 characters without spaces, got ${show(name)}`,
  );
}

/** What it yields would be lost: a task has one value. */
function refuseGenerator(fn: AnyFunction, what: string): void {
  if (!types.isGeneratorFunction(fn)) return;
  throw new ConfigError(
    `${what} is a generator function, and the values of a task cannot be streamed yet; return an array of them, or tell of each on the way: currentTask().progress(value)`,
  );
}

/** What is wrong in it is said when the App gathers its periodic tasks, with all that they say. */
function periodicOf(options: TaskOptions, what: string): PeriodicOptions | undefined {
  const given = Object.entries(options).filter(
    ([key, value]) => value !== undefined && periodicKeys.some((known) => known === key),
  );
  if (given.length === 0) return undefined;
  const { every, cron, schedule } = options;
  if (every !== undefined || cron !== undefined || schedule !== undefined)
    return Object.fromEntries(given) as PeriodicOptions;
  throw new ConfigError(
    `${what}: ${given.map(([key]) => key).join(' and ')} goes with every, cron or schedule, which make a task a periodic one`,
  );
}

function argumentSchema(schema: unknown, what: string): Definition['args'] {
  if (schema === undefined || isSchema(schema)) return schema;
  if (Array.isArray(schema) && schema.every(isSchema)) return schema;
  throw new ConfigError(
    `${what}: args must be a Standard Schema or an array of them, got ${show(schema)}`,
  );
}

function resultSchema(schema: unknown, what: string): StandardSchema | undefined {
  if (schema === undefined || isSchema(schema)) return schema;
  throw new ConfigError(`${what}: returns must be a Standard Schema, got ${show(schema)}`);
}
