/** Finds what runs a message. */
import { starmapTask } from '../canvas/items.js';
import type { Message } from '../protocol/message.js';
import { currentTask } from '../task/context.js';
import { type Definition, define } from '../task/definition.js';
import { runTask } from '../task/run.js';
import { inside } from '../task/task.js';
import type { Registry } from './registry.js';

/** What is known here of a message's task; nothing where the worker does not have it. */
export function findDefinition(
  tasks: Registry,
  message: Pick<Message, 'name' | 'args'>,
): Definition | undefined {
  if (message.name === starmapTask) return starmap(tasks, message);
  const task = tasks.find(message.name);
  return task && inside(task).definition;
}

/**
 * What runs a message of `map`, `starmap` or `chunks`: the items one after another, with the retry
 * policy of their own task.
 * Gives none where the worker does not have that task.
 */
function starmap(tasks: Registry, { args }: Pick<Message, 'args'>): Definition | undefined {
  const task = tasks.find(String(args[0]));
  if (!task) return undefined;
  const item = inside(task).definition;
  const each = async (name: string, items: readonly (readonly unknown[])[]): Promise<unknown[]> => {
    const context = currentTask();
    const values: unknown[] = [];
    for (const one of items) {
      const own = { name: { value: name }, args: { value: one } };
      values.push(await runTask(item, Object.create(context, own) as typeof context));
    }
    return values;
  };
  return { ...define(each, {}, starmapTask), retry: item.retry };
}
