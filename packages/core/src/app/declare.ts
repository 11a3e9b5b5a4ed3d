/** The three forms in which a task is declared, on an App or free of one. */
import { ConfigError } from '../errors.js';
import { show } from '../config/setting.js';
import type { DeclareTask, TaskDecorator } from '../task/declaration.js';
import type { AnyFunction } from '../task/definition.js';
import { type OnTask, taskDecorator } from '../task/decorator.js';
import type { TaskOptions } from '../task/options.js';
import { createTask, type Task } from '../task/task.js';

/**
 * Makes a task, or a decorator that makes them, of the arguments that `task` got.
 *
 * @throws ConfigError when they are of none of the three forms
 */
export function declareTask(given: readonly unknown[], onTask: OnTask): Task | TaskDecorator {
  const [first, second, third] = given;
  if (typeof first === 'string' && typeof second === 'function') {
    return wrap(second as AnyFunction, options(third), first, onTask);
  }
  if (isBareDecorator(first, second, third)) {
    throw new ConfigError('write @app.task() with parentheses, not @app.task');
  }
  if (typeof first === 'function')
    return wrap(first as AnyFunction, options(second), undefined, onTask);
  if (typeof first === 'string') {
    throw new ConfigError(
      `task(${show(first)}, ...) needs the function as its second argument; a decorator takes the name as an option: @app.task({ name: ${show(first)} })`,
    );
  }
  return taskDecorator(options(first), onTask);
}

function wrap(fn: AnyFunction, given: TaskOptions, name: string | undefined, onTask: OnTask): Task {
  const chosen = name ?? given.name ?? fn.name;
  if (!chosen) {
    throw new ConfigError(
      "a function without a name, whose name a minifier may have taken, needs one as a task: app.task('math.add', (x, y) => x + y)",
    );
  }
  const task = createTask(fn, name === undefined ? given : { ...given, name }, chosen);
  onTask(task);
  return task;
}

function options(value: unknown): TaskOptions {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new ConfigError(`task options must be an object, got ${show(value)}`);
}

/** `@app.task` without parentheses calls it with what decorators get. */
function isBareDecorator(first: unknown, second: unknown, third: unknown): boolean {
  const legacy =
    typeof second === 'string' && typeof third === 'object' && third !== null && 'value' in third;
  const standard =
    typeof first === 'function' &&
    typeof second === 'object' &&
    second !== null &&
    'kind' in second;
  return legacy || standard;
}

/**
 * Makes a task of no App yet, for a library: an App takes it through `tasks` or `include`, and
 * until then it can be called, but not sent.
 *
 * @throws ConfigError when an option or the name is wrong
 * @example
 * ```ts
 * export const resize = task('image.resize', async (path: string, width: number) => { ... });
 * // in the application
 * const app = new App('shop', { tasks: [resize] });
 * ```
 */
export const task: DeclareTask = (...given: unknown[]) =>
  declareTask(given, () => undefined) as never;
