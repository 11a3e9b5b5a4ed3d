/** How long a task may run, and what happens then. */
import {
  type Definition,
  type LimitOverride,
  longestTimer,
  type Message,
  softOverrun,
} from '@dtask/core/internal';
import { overrun } from './overrun.js';
import { judgeThrown } from './perform.js';
import type { Performance } from './pool/pool.js';

/** Limits in milliseconds; 0 is none. */
export interface TimeLimit {
  readonly hard: number;
  readonly soft: number;
}

/** The limits of one run: the call's, else those set by remote control, else the task's, else the worker's. */
export function timeLimitOf(
  message: Message,
  { calls }: Definition,
  set: LimitOverride | undefined,
  worker: TimeLimit,
): TimeLimit {
  const hard = message.timeLimit ?? set?.timeLimit ?? calls.timeLimit ?? worker.hard;
  const soft = message.softTimeLimit ?? set?.softTimeLimit ?? calls.softTimeLimit ?? worker.soft;
  // One of them may come from elsewhere than the other.
  return { hard, soft: hard > 0 && soft >= hard ? 0 : soft };
}

/**
 * Watches a run: at the soft limit its signal fires, at the hard one it is ended. A task that
 * retries on every error retries then as well.
 *
 * @returns ends the watch
 */
export function limitTime(
  performance: Performance,
  { hard, soft }: TimeLimit,
  message: Message,
  definition: Definition,
  retries: number,
): () => void {
  const { name, id } = message;
  const softTimer =
    soft > 0 &&
    setTimeout(() => performance.abort(softOverrun(name, id, soft)), Math.min(soft, longestTimer));
  const hardTimer =
    hard > 0 &&
    setTimeout(
      () => performance.cut(judgeThrown(overrun(message, hard), definition, message, retries)),
      Math.min(hard, longestTimer),
    );
  return () => {
    if (softTimer) clearTimeout(softTimer);
    if (hardTimer) clearTimeout(hardTimer);
  };
}
