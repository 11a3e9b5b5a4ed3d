/** What a failed task has stopped in its canvas, so that it may go on when the task is retried. */
import type { Message } from '../protocol/message.js';
import { type Frame, type Step, tasksOf } from '../protocol/step.js';
import type { Joins } from './joins.js';

/** What follows a task that has failed. */
export interface Reopened {
  /** The tasks that were told of the failure in place of being run. */
  readonly told: readonly string[];
  /** The steps among them, which wait again. */
  readonly steps: readonly Step[];
  /** Those among them that were replaced: what took their place goes on. */
  readonly replaced: readonly { readonly id: string; readonly name: string }[];
  /** Whether a place of a group is free again, and waits for the task. */
  readonly waits: boolean;
}

/**
 * Frees the places of groups that a task's failure has filled, and finds the tasks that it has
 * ended. It goes the way that the failure went, and stops at a group that another failure has
 * stopped too, or that is not there any more. Again with the same is nothing new.
 */
export async function reopen(
  joins: Joins,
  message: Pick<Message, 'next'>,
  patience: number,
): Promise<Reopened> {
  const told: string[] = [];
  const steps: Step[] = [];
  const replaced: { id: string; name: string }[] = [];
  let waits = false;
  let frames: readonly Frame[] = message.next ?? [];
  for (let at = 0; at < frames.length; at += 1) {
    const frame = frames[at] as Frame;
    if ('settle' in frame) {
      told.push(frame.settle);
      replaced.push({ id: frame.settle, name: frame.task });
    } else if (!('join' in frame)) {
      const some = await stepsOf(joins, frame, patience);
      told.push(...idsIn(some));
      steps.push(...some);
    } else {
      const reopened = await joins.reopen(frame.join, frame.at, patience);
      waits ||= reopened.freed;
      // What follows a group is in the group.
      frames = reopened.continuation?.next ?? [];
      at = -1;
    }
  }
  return { told, steps, replaced, waits };
}

async function stepsOf(
  joins: Joins,
  frame: Extract<Frame, { steps: unknown } | { list: unknown }>,
  patience: number,
): Promise<readonly Step[]> {
  if ('steps' in frame) return frame.steps;
  const steps = await joins.list(frame.list, frame.at, patience);
  return steps?.slice(frame.at) ?? [];
}

const idsIn = (steps: readonly Step[]): string[] =>
  steps.flatMap((step) => [...tasksOf(step)].map(({ id }) => id));
