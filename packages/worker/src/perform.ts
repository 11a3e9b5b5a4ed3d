/** Runs a task once, in the process that has its code, and judges what it throws. */
import {
  abortReason,
  conclude,
  type Definition,
  endingOf,
  type Hooks,
  isPromiseLike,
  judge,
  type Message,
  perform as performTask,
  Replace,
  tellBeside,
} from '@dtask/core/internal';
import type { TaskEnding, TaskLogger } from '@dtask/core';
import type { Report } from './report.js';
import type { Run } from './run.js';
import { endOfRun } from './run-end.js';

/** Gives a promise only where there is something to wait for. */
export function perform(
  definition: Definition,
  message: Message,
  run: Run,
  hooks: Hooks,
): Report | Promise<Report> {
  const { tracing } = run;
  if (!tracing) return performNow(definition, message, run, hooks);
  const { queue, worker, retries } = run;
  const body = (): Report | Promise<Report> => performNow(definition, message, run, hooks);
  return tracing.run({ message, queue, worker, retries }, body, endOfRun);
}

function performNow(
  definition: Definition,
  message: Message,
  run: Run,
  hooks: Hooks,
): Report | Promise<Report> {
  const judged = (thrown: unknown): Report => {
    run.thrown = run.overrun() ?? abortReason(thrown, run.fired);
    return judgeThrown(run.thrown, definition, message, run.retries, run.logger);
  };
  const valued = (value: unknown): Report => {
    const late = run.overrun();
    return late ? judged(late) : { kind: 'value', value };
  };
  let returned: unknown;
  let waits = false;
  try {
    returned = performTask(definition, run, hooks);
    waits = isPromiseLike(returned);
  } catch (thrown) {
    run.end();
    return judged(thrown);
  }
  if (waits) return run.outlast(returned as PromiseLike<unknown>, valued, judged);
  run.end();
  return valued(returned);
}

/**
 * What follows what a run of a task threw.
 *
 * @param logger hears of the user's code that threw meanwhile
 */
export function judgeThrown(
  thrown: unknown,
  { retry: policy }: Definition,
  { id, name, retry: override }: Message,
  retries: number,
  logger?: TaskLogger,
): Report {
  if (thrown instanceof Replace) return { kind: 'replace', node: thrown.node };
  const verdict = judge(thrown, { id, name, retries, policy, override, now: Date.now() });
  if (logger) tellBeside(verdict, { id, name }, logger);
  return verdict;
}

/** Tells the hooks how a run has ended; nothing where nobody listens, else never rejected. */
export function concludeRun(
  definition: Definition,
  run: Run,
  report: Report,
  hooks: Hooks,
): Promise<void> | undefined {
  if (!hooks.touchesEnds && !definition.hooks) return undefined;
  const ending = endingIn(report, run.thrown);
  return ending && conclude(definition, run, ending, hooks);
}

/** What hooks are told of an end; of some they are told elsewhere. */
function endingIn(report: Report, thrown: unknown): TaskEnding | undefined {
  switch (report.kind) {
    case 'value':
      return { state: 'SUCCESS', value: report.value };
    case 'replace':
      return { state: 'REPLACED' };
    case 'revoked':
    case 'crashed':
      return undefined;
    default:
      return endingOf(report, thrown);
  }
}
