/** Finds what runs a message. */
import { starmapTask } from '../canvas/starmap.js';
import { UnknownTaskError } from '../errors.js';
import { runGathering } from '../gather/gather-run.js';
import { type GatheredCall, gatherTask } from '../gather/gathered-call.js';
import { runChunk } from '../map/chunk.js';
import { ItemContext } from '../map/item-context.js';
import { mapTask, type OrderSettings } from '../map/order.js';
import type { Message } from '../protocol/message.js';
import { currentTask } from '../task/context.js';
import { type Definition, define } from '../task/definition.js';
import { runTask } from '../task/run.js';
import type { Registry } from './registry.js';

/** What is known here of a message's task; nothing where the worker does not have it. */
export function findDefinition(
  tasks: Registry,
  message: Pick<Message, 'name' | 'args'>,
): Definition | undefined {
  const { name, args } = message;
  if (name === starmapTask) return starmap(tasks, args);
  if (name === mapTask) return chunk(tasks, args);
  if (name === gatherTask) return gathering(tasks, args);
  return tasks.definition(name);
}

/**
 * What runs a message of `map`, `starmap` or `chunks`: the items one after another, with the retry
 * policy of their own task.
 * Gives none where the worker does not have that task.
 */
function starmap(tasks: Registry, args: readonly unknown[]): Definition | undefined {
  const item = tasks.definition(String(args[0]));
  if (!item) return undefined;
  const each = async (name: string, items: readonly (readonly unknown[])[]): Promise<unknown[]> => {
    const message = currentTask();
    const values: unknown[] = [];
    for (const one of items) {
      const context = new ItemContext(message, name);
      context.args = one;
      values.push(await runTask(item, context));
    }
    return values;
  };
  return { ...define(each, {}, starmapTask), retry: item.retry };
}

/**
 * What runs a chunk of a streamed map: where the task of its items says, for as long as that says,
 * as safely as that says. Gives none where the worker does not have that task.
 */
function chunk(tasks: Registry, [name]: readonly unknown[]): Definition | undefined {
  const item = tasks.definition(String(name));
  if (!item) return undefined;
  const run = (_name: string, items: unknown, settings: OrderSettings): unknown => {
    const reduce = reduction(tasks, settings);
    return runChunk({ item, reduce }, String(name), items, settings, currentTask());
  };
  const { timeLimit, softTimeLimit } = item.calls;
  const { atMostOnce, maxCrashes, pool } = item.execution;
  const definition = define(run, {}, mapTask);
  return {
    ...definition,
    calls: {
      ...(timeLimit !== undefined && { timeLimit }),
      ...(softTimeLimit !== undefined && { softTimeLimit }),
    },
    execution: { ...definition.execution, atMostOnce, maxCrashes, pool },
  };
}

/** What runs a gathering of calls. Gives none where the worker does not have their task. */
function gathering(tasks: Registry, [name]: readonly unknown[]): Definition | undefined {
  const task = tasks.definition(String(name));
  return task && gatheringOf(task);
}

/** What runs the calls of a task together that a worker has gathered. */
export function gatheringOf(task: Definition): Definition {
  const run = (name: string, calls: readonly GatheredCall[]): unknown =>
    runGathering(task, name, calls, currentTask());
  return { ...define(run, {}, gatherTask), execution: task.execution };
}

function reduction(tasks: Registry, { reduce }: OrderSettings): Definition | undefined {
  if (reduce === undefined) return undefined;
  const task = tasks.definition(reduce);
  if (task) return task;
  throw new UnknownTaskError(`a worker that maps has no task ${reduce} to reduce with`);
}
