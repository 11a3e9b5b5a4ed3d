/** What is said of a run that took longer than it may. */
import type { TimeLimitExceededError } from '@dtask/core';
import { gatherTask, hardOverrun, type Message } from '@dtask/core/internal';

/** @param limit longest run, in milliseconds */
export function overrun({ id, name, args }: Message, limit: number): TimeLimitExceededError {
  // Where many calls run together, the message names their task first.
  const task = name === gatherTask ? String(args[0]) : name;
  return hardOverrun(task, id, limit);
}
