/**
 * What code leaves behind where nobody looks: errors that callbacks throw, and rejected promises that nobody
 * awaits. One rule for all that runs tasks: those of a task end no process. What is of no task ends the
 * process as the process wants it.
 */
import type { TaskLogger } from '@dtask/core';
import { findPastTask, ItemContext } from '@dtask/core/internal';
import { Run } from './run.js';

/** Whether a process of dtask's own has said what is to become of what is of no task. */
let isOwned = false;
/** Inline pools of workers inside a program. */
let followers = 0;

/**
 * Watches a process that does nothing but run tasks, for good.
 *
 * @param onError hears of an error that was thrown outside of any task
 */
export function watchStrays(log: TaskLogger, onError: (error: unknown) => void): void {
  isOwned = true;
  process.on('unhandledRejection', (error) => {
    if (tellRejection(error)) return;
    const whose = 'a task that has ended, or the app, forgot an await';
    log.error({ err: error }, `a promise was rejected that nobody awaits; ${whose}`);
  });
  process.on('uncaughtException', (error) => {
    if (!blame(error)) onError(error);
  });
}

/**
 * Watches a program in which tasks run among other things: what is not theirs is left to Node and to
 * the program.
 *
 * @returns ends it
 */
export function followStrays(): () => void {
  if (isOwned) return () => undefined;
  followers += 1;
  if (followers === 1) {
    process.on('unhandledRejection', onRejection);
    process.on('uncaughtException', onException);
  }
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    followers -= 1;
    if (followers === 0) unfollow();
  };
}

function unfollow(): void {
  process.off('unhandledRejection', onRejection);
  process.off('uncaughtException', onException);
}

function onRejection(error: unknown): void {
  if (tellRejection(error) || process.listenerCount('unhandledRejection') > 1) return;
  // As Node does where nobody listens: it becomes an uncaught error.
  if (!isTolerant()) throw error;
}

function onException(error: unknown): void {
  if (blame(error) || process.listenerCount('uncaughtException') > 1) return;
  unfollow();
  // Where nobody listens Node prints the error and ends the process.
  process.nextTick(() => {
    throw error;
  });
}

/** Whether Node was told to let a rejection pass. */
function isTolerant(): boolean {
  const options = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');
  return /--unhandled-rejections[= ](none|warn)/.test(options);
}

/**
 * The run in whose code something was thrown; it may have ended. A promise that a callback makes when no task
 * runs any more is nobody's: to follow those too would make every promise of the process dearer.
 */
function runHere(): Run | undefined {
  const context = findPastTask();
  const run = context instanceof ItemContext ? context.within : context;
  return run instanceof Run ? run : undefined;
}

/** Says which task left a rejected promise behind; gives whether there is one. */
function tellRejection(error: unknown): boolean {
  const run = runHere();
  if (!run) return false;
  const { name: task, id } = run;
  run.logger.error(
    { task, id, err: error },
    'a promise was rejected that nobody awaits; the task forgot an await',
  );
  return true;
}

/**
 * Fails the task in whose code an uncaught error was thrown: what it waits for would never come. Where it
 * has ended, there is nothing left to fail, and others are not to pay for it. Gives whether there is one.
 */
function blame(error: unknown): boolean {
  const run = runHere();
  if (!run) return false;
  if (run.crash(error)) return true;
  const { name: task, id } = run;
  run.logger.error({ task, id, err: error }, 'an error in what a task left behind');
  return true;
}
