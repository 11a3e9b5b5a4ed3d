/** Tasks over lists: one message that runs a task on each item, and groups of such messages. */
import { ConfigError } from '../errors.js';
import { show } from '../config/setting.js';
import type { TaskFunction } from '../task/definition.js';
import { Group, Signature } from './canvas.js';
import { groupOf, taskNode } from './tree.js';

/** The task that every worker has: it runs another one on each item of a list. */
export const starmapTask = 'dtask.starmap';

/** What a task takes and gives. */
type Arguments<F extends TaskFunction> = Parameters<OmitThisParameter<F>>;
type Value<F extends TaskFunction> = Awaited<ReturnType<F>>;

/**
 * Runs a task on each item, one after another, in one message: `map(sum, [[1, 2], [3]])` gives
 * `[3, 3]`.
 *
 * @example
 * ```ts
 * await map(square, [1, 2, 3]).delay().get(); // [1, 4, 9]
 * ```
 */
export function map<F extends TaskFunction>(
  task: F,
  items: Iterable<Arguments<F>[0]>,
): Signature<[], Value<F>[]> {
  return overItems(
    task,
    Array.from(items, (item) => [item]),
  );
}

/**
 * Runs a task on each list of arguments, one after another, in one message.
 *
 * @example
 * ```ts
 * await starmap(add, [[1, 2], [3, 4]]).delay().get(); // [3, 7]
 * ```
 */
export function starmap<F extends TaskFunction>(
  task: F,
  items: Iterable<Arguments<F>>,
): Signature<[], Value<F>[]> {
  return overItems(task, [...items]);
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
export function chunks<F extends TaskFunction>(
  task: F,
  items: Iterable<Arguments<F>>,
  size: number,
): Group<[], Value<F>[][]> {
  if (!Number.isInteger(size) || size < 1)
    throw new ConfigError(`the size of a chunk must be a whole number from 1, got ${show(size)}`);
  const all = [...items];
  const parts: Signature[] = [];
  for (let from = 0; from < all.length; from += size)
    parts.push(overItems(task, all.slice(from, from + size)));
  return new Group(groupOf(parts.map(({ node }) => node)), signatureOf(task).sender);
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
