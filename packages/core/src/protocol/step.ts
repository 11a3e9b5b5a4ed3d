/** A canvas as it travels: every task with its id, so that whoever sends it twice sends it once. */
import { decode, encode, type JsonValue } from '../codec/index.js';
import type { CallSettings } from './call-settings.js';

/** One call of a task. */
export interface TaskStep {
  readonly task: string;
  readonly id: string;
  /** What follows the arguments that come from the step before; encoded. */
  readonly args?: readonly JsonValue[];
  /** It takes nothing from the step before. */
  readonly immutable?: true;
  /** Its id was given by its caller, who may ask for it. */
  readonly named?: true;
  /** Its call options, checked; `headers` are encoded. */
  readonly options?: CallSettings;
  /** Started with the value, when it has ended well. */
  readonly link?: readonly Step[];
  /** Started with the failure, when it has failed. */
  readonly linkError?: readonly Step[];
}

/** Steps one after another, each with the value of the one before. */
export interface ChainStep {
  readonly chain: readonly Step[];
  /** Of its last task or group. */
  readonly id: string;
}

/** Steps at the same time; their values make a list. */
export interface GroupStep {
  readonly group: readonly Step[];
  readonly id: string;
}

export type Step = TaskStep | ChainStep | GroupStep;

/** What is to happen with the end of a task, the nearest first. */
export type Frame =
  /** The rest of a chain. */
  | { readonly steps: readonly Step[] }
  /** The rest of a long chain, which is stored once, from this position on. */
  | { readonly list: string; readonly at: number }
  /** The place in a group. */
  | { readonly join: string; readonly at: number }
  /** The task that was replaced: the end is its end. */
  | {
      readonly settle: string;
      readonly task: string;
      readonly link?: readonly Step[];
      readonly linkError?: readonly Step[];
    };

/** Whether a step gives a list of what others give. */
export const isGroupStep = (step: Step): step is GroupStep => 'group' in step;

/** The tasks of a step, in order. */
export function* tasksOf(step: Step): Generator<TaskStep> {
  if ('task' in step) yield step;
  else for (const part of 'chain' in step ? step.chain : step.group) yield* tasksOf(part);
}

export const encodeArgs = (args: readonly unknown[]): JsonValue[] =>
  encode(args, 'args') as JsonValue[];

export const decodeArgs = (args: readonly JsonValue[] = []): unknown[] =>
  decode(args, 'args') as unknown[];

/** Call options as JSON. */
export function encodeOptions(options: CallSettings): CallSettings {
  if (options.headers === undefined) return options;
  return { ...options, headers: encode(options.headers, 'headers') as Record<string, unknown> };
}

/** What `encodeOptions` made, read back. */
export function decodeOptions(options: CallSettings = {}): CallSettings {
  if (options.headers === undefined) return options;
  return { ...options, headers: decode(options.headers, 'headers') as Record<string, unknown> };
}

/** Puts arguments in front of those of the tasks that a step begins with. */
export function prepend(step: Step, args: readonly unknown[]): Step {
  if (args.length === 0) return step;
  if ('task' in step) {
    if (step.immutable) return step;
    return { ...step, args: [...encodeArgs(args), ...(step.args ?? [])] };
  }
  if ('group' in step) return { ...step, group: step.group.map((part) => prepend(part, args)) };
  const [first, ...rest] = step.chain;
  return first ? { ...step, chain: [prepend(first, args), ...rest] } : step;
}

/** The tasks that a step begins with. */
export function firstTasks(step: Step): TaskStep[] {
  if ('task' in step) return [step];
  if (isGroupStep(step)) return step.group.flatMap(firstTasks);
  return step.chain.slice(0, 1).flatMap(firstTasks);
}

/** The tasks that a group is followed by: its body, which may be a group with a body of its own. */
export function bodyOf(rest: readonly Step[]): TaskStep[] {
  const tasks: TaskStep[] = [];
  for (const [at, step] of rest.entries()) {
    tasks.push(...firstTasks(step));
    if (!isGroupStep(step) || at === rest.length - 1) break;
  }
  return tasks;
}
