/** The calls of a gathering, as a worker hands them to the process that runs them, and what comes back. */
import { maxDepth } from '../codec/index.js';
import type { MessageRetry } from '../protocol/call-settings.js';

/** The name under which a gathering runs. No message in Redis has it. */
export const gatherTask = 'dtask.gather';

/** The list of arguments, the list of calls and the call: what is around the arguments of each. */
const levelsAround = 3;

/**
 * How many levels of containers the arguments of a message may have, where they are more than usual:
 * in a gathering each call may have as many as it may have alone.
 */
export const levelsOf = (name: string): number | undefined =>
  name === gatherTask ? maxDepth + levelsAround : undefined;

/** One call. */
export interface GatheredCall {
  readonly id: string;
  readonly args: readonly unknown[];
  readonly headers: Readonly<Record<string, unknown>>;
  readonly retries: number;
  /** How it is retried, where it says that in place of its task. */
  readonly retry?: MessageRetry;
}

/** What became of a call; values and errors are encoded. */
export type GatheredEnd =
  | { readonly value?: unknown }
  | { readonly error: unknown }
  | {
      readonly error: unknown;
      readonly wait: number;
      readonly due?: number;
      readonly args?: unknown;
    }
  | { readonly left: 'ignore' | 'requeue' };
