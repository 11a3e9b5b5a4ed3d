/** Runs a task's function on arguments that have arrived. */
import { ArgumentsError } from '../errors.js';
import { checkEnds, onlyCall } from './batch-call.js';
import { isPromiseLike, runInContext, type TaskContext } from './context.js';
import type { Definition } from './definition.js';
import { checkArguments } from './parameters.js';
import { functionOn } from './receiver.js';
import { parseBySchema } from './schema.js';

/**
 * Checks the arguments, calls the function in its context, and checks what it returns.
 *
 * @returns what the function returned, or a promise of it; a function that is not async costs no
 * promise
 * @throws ArgumentsError, or whatever the function throws; with a promise, it may be rejected so
 */
export function runTask(definition: Definition, context: TaskContext): unknown {
  return checkedCall(definition, context, context.args, true);
}

/**
 * The same where the context is entered already: for one of many items, say.
 *
 * @param args in place of the context's own
 */
export function invokeTask(
  definition: Definition,
  context: TaskContext,
  args: readonly unknown[],
): unknown {
  return checkedCall(definition, context, args, false);
}

function checkedCall(
  definition: Definition,
  context: TaskContext,
  given: readonly unknown[],
  enter: boolean,
): unknown {
  checkArguments(context.name, definition.parameters, given);
  const parsed = parseArguments(definition, context.name, given);
  if (parsed instanceof Promise)
    return parsed.then((args) => call(definition, context, args, enter));
  return call(definition, context, parsed, enter);
}

function call(
  definition: Definition,
  context: TaskContext,
  args: readonly unknown[],
  enter: boolean,
): unknown {
  const { returns, batch } = definition;
  const returned =
    batch?.kind === 'gather'
      ? callAlone(definition, context, args, enter)
      : invoke(definition, context, args, enter);
  if (returns === undefined) return returned;
  const check = (value: unknown): unknown =>
    parseBySchema(returns, value, 'result', `task ${context.name}: result`);
  return isPromiseLike(returned) ? Promise.resolve(returned).then(check) : check(returned);
}

/** A task that takes many calls, where there is one. */
async function callAlone(
  definition: Definition,
  context: TaskContext,
  args: readonly unknown[],
  enter: boolean,
): Promise<unknown> {
  const batch = [[onlyCall(context, args)]];
  const [end] = checkEnds(context.name, await invoke(definition, context, batch, enter), 1);
  if (end instanceof Error) throw end;
  return end;
}

/** Calls the function in its context, on arguments that have been checked. */
export const enterTask = (
  definition: Definition,
  context: TaskContext,
  args: readonly unknown[],
): unknown => invoke(definition, context, args, true);

function invoke(
  definition: Definition,
  context: TaskContext,
  args: readonly unknown[],
  enter: boolean,
): unknown {
  return enter
    ? runInContext(context, () => callFunction(definition, context, args))
    : callFunction(definition, context, args);
}

/**
 * Calls a task's function: a method as a plain call of it does, on its own object.
 *
 * @param context what is `this` in a function that has no object
 */
export function callFunction(
  { name, fn, method }: Definition,
  context: TaskContext | undefined,
  args: readonly unknown[],
): unknown {
  if (!method) return Reflect.apply(fn, context, args);
  const object = method.receiver();
  const body = method.key === undefined ? fn : functionOn(object, method.key, String(name));
  return Reflect.apply(body, object, args);
}

/** Parses arguments by their schema, where the task has one. */
export function parseArguments(
  definition: Definition,
  name: string,
  args: readonly unknown[],
): readonly unknown[] | Promise<readonly unknown[]> {
  const { args: schema } = definition;
  if (schema === undefined) return args;
  const what = `task ${name}: arguments`;
  if (!isList(schema)) return list(parseBySchema(schema, args, 'args', what), name);
  if (args.length > schema.length) {
    throw new ArgumentsError(
      `task ${name} takes at most ${schema.length} arguments, got ${args.length}`,
    );
  }
  const parsed: unknown[] = [];
  try {
    for (const [index, one] of schema.entries())
      parsed.push(parseBySchema(one, args[index], `args[${index}]`, what));
  } catch (error) {
    // One refused at once: what the others say later is not looked at.
    for (const one of parsed) if (one instanceof Promise) one.catch(() => undefined);
    throw error;
  }
  return parsed.some((one) => one instanceof Promise) ? Promise.all(parsed) : parsed;
}

const isList = <T>(value: T | readonly T[]): value is readonly T[] => Array.isArray(value);

function list(parsed: unknown, name: string): readonly unknown[] | Promise<readonly unknown[]> {
  if (parsed instanceof Promise) return parsed.then((settled) => list(settled, name));
  if (Array.isArray(parsed)) return parsed as unknown[];
  throw new ArgumentsError(
    `task ${name}: the schema of its arguments gave ${typeof parsed}, not an array; use a tuple, or an array of schemas`,
  );
}
