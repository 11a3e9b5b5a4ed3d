/** Tasks over lists: one message that runs a task on each item, and groups of such messages. */
import { ConfigError } from '../errors.js';
import { show } from '../config/setting.js';
import { Mapping } from '../map/mapping.js';
import {
  checkMapOptions,
  type MapOptions,
  type MapOptionsOf,
  type OnItemError,
  type Streamed,
} from '../map/options.js';
import {
  type AnyItem,
  checkRows,
  checkSource,
  type FitItems,
  type FitRows,
  isIterable,
  type MapSource,
} from '../map/source.js';
import type { ParametersOf, ReturnOf, TaskFunction } from '../task/function-types.js';
import { Group, Signature } from './canvas.js';
import { starmapTask } from './starmap.js';
import { groupOf, taskNode } from './tree.js';

/** What a task takes and gives. */
type Arguments<F extends TaskFunction> = ParametersOf<F>;
type Value<F extends TaskFunction> = Awaited<ReturnOf<F>>;

/**
 * Runs a task on each item.
 *
 * In a canvas, or with `delay()`, all in one message, one after another. With `for await` as a
 * stream: in chunks, on all workers, for any number of items, which may come from an async generator.
 *
 * @throws ConfigError for wrong options, or items that are none
 * @example
 * ```ts
 * await map(square, [1, 2, 3]).delay().get(); // [1, 4, 9]
 * for await (const y of map(square, numbers())) console.log(y);
 * ```
 */
export function map<
  F extends TaskFunction,
  I extends Arguments<F>[0] | AnyItem,
  E extends OnItemError = 'throw',
>(
  task: F,
  items: MapSource<I> & FitItems<I, Arguments<F>>,
  options?: MapOptionsOf<E>,
): Mapping<Value<F>, Streamed<Value<F>, E>>;
export function map(
  task: TaskFunction,
  items: MapSource<unknown>,
  options: MapOptions = {},
): Mapping {
  return mappingOf(task, items, false, options);
}

/**
 * Runs a task on each list of arguments: `map`, for tasks of several arguments.
 *
 * @throws ConfigError for wrong options, or items that are none
 * @example
 * ```ts
 * await starmap(add, [[1, 2], [3, 4]]).delay().get(); // [3, 7]
 * for await (const sum of starmap(add, pairs())) console.log(sum);
 * ```
 */
export function starmap<
  F extends TaskFunction,
  I extends Readonly<Arguments<F>> | AnyItem,
  E extends OnItemError = 'throw',
>(
  task: F,
  items: MapSource<I> & FitRows<I, Arguments<F>>,
  options?: MapOptionsOf<E>,
): Mapping<Value<F>, Streamed<Value<F>, E>>;
export function starmap(
  task: TaskFunction,
  items: MapSource<readonly unknown[]>,
  options: MapOptions = {},
): Mapping {
  return mappingOf(task, items, true, options);
}

function mappingOf(
  task: TaskFunction,
  source: MapSource<unknown>,
  spread: boolean,
  options: MapOptions,
): Mapping {
  const { node, sender } = signatureOf(task);
  const what = spread ? 'starmap()' : 'map()';
  checkSource(source, what);
  return new Mapping({
    task: node.task,
    source,
    spread,
    settings: checkMapOptions(options, what),
    sender,
  });
}

/**
 * Runs a task on each list of arguments, `size` of them in each message, the messages at the same
 * time. Its value is a list of lists.
 *
 * @example
 * ```ts
 * await chunks(add, [[1, 1], [2, 2], [3, 3]], 2).delay().get(); // [[2, 4], [6]]
 * ```
 */
export function chunks<F extends TaskFunction, I extends Readonly<Arguments<F>> | AnyItem>(
  task: F,
  items: Iterable<I> & FitRows<I, Arguments<F>>,
  size: number,
): Group<[], Value<F>[][]> {
  if (!Number.isInteger(size) || size < 1)
    throw new ConfigError(`the size of a chunk must be a whole number from 1, got ${show(size)}`);
  const all = rowsOf(items as Iterable<unknown>);
  const parts: Signature[] = [];
  for (let from = 0; from < all.length; from += size)
    parts.push(overItems(task, all.slice(from, from + size)));
  return new Group(groupOf(parts.map(({ node }) => node)), signatureOf(task).sender);
}

/** @throws ConfigError when it is no list of lists */
function rowsOf(items: Iterable<unknown>): readonly (readonly unknown[])[] {
  checkSource(items, 'chunks()');
  if (!isIterable(Object(items) as object))
    throw new ConfigError(
      'chunks() cannot wait for an async generator; stream it: for await (const value of task.starmap(items))',
    );
  return checkRows([...items], 'chunks()');
}

function overItems<Out>(
  task: TaskFunction,
  items: readonly (readonly unknown[])[],
): Signature<[], Out> {
  const { node, sender } = signatureOf(task);
  const { id: _id, ...options } = node.options;
  return new Signature(taskNode(starmapTask, [node.task, items], options, true), sender);
}

function signatureOf(task: TaskFunction): Signature {
  if ('s' in task && typeof task.s === 'function') return (task.s as () => Signature)();
  throw new ConfigError(
    `${task.name || 'this function'} is not a task; mark it with @app.task() or wrap it with app.task(name, fn)`,
  );
}
