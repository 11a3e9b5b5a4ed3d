/** The failure of a message whose task is not here. */
import { type App, UnknownTaskError } from '@dtask/core';
import { mapTask, type Message, starmapTask } from '@dtask/core/internal';
import { shortNameHint } from './short-names.js';

/** Says which worker took it from where, and what it has. */
export function unknownTask(
  message: Message,
  queue: string,
  { tasks }: App,
  worker: string,
): UnknownTaskError {
  const overItems = message.name === mapTask || message.name === starmapTask;
  const name = overItems ? String(message.args[0]) : message.name;
  const names = tasks.names();
  return new UnknownTaskError(
    `worker ${worker} has no task ${name}, and took it from queue ${queue}; it has ${names.length > 10 ? `${names.length} others, such as ` : ''}${names.slice(0, 10).join(', ') || 'none'}. Is its module imported, or named by the app's include?${shortNameHint(name)}`,
  );
}
