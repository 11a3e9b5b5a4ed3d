/** Runs a task's function once, in the process that has its code, and judges what it throws. */
import {
  type Definition,
  isPromiseLike,
  judge,
  type Message,
  Replace,
  runTask,
} from '@dtask/core/internal';
import type { Report } from './report.js';
import type { Run } from './run.js';
import { endOfRun } from './run-end.js';

/** Gives a promise only where there is something to wait for. */
export function perform(
  definition: Definition,
  message: Message,
  run: Run,
): Report | Promise<Report> {
  const { tracing } = run;
  if (!tracing) return performNow(definition, message, run);
  const { queue, worker, retries } = run;
  const body = (): Report | Promise<Report> => performNow(definition, message, run);
  return tracing.run({ message, queue, worker, retries }, body, endOfRun);
}

function performNow(definition: Definition, message: Message, run: Run): Report | Promise<Report> {
  const judged = (thrown: unknown): Report => judgeThrown(thrown, definition, message, run.retries);
  let returned: unknown;
  try {
    returned = runTask(definition, run);
  } catch (thrown) {
    run.end();
    return judged(thrown);
  }
  if (isPromiseLike(returned)) return run.outlast(returned, judged);
  run.end();
  return { kind: 'value', value: returned };
}

/** What follows what a run of a task threw. */
export function judgeThrown(
  thrown: unknown,
  { retry: policy }: Definition,
  { id, name, retry: override }: Message,
  retries: number,
): Report {
  if (thrown instanceof Replace) return { kind: 'replace', node: thrown.node };
  try {
    return judge(thrown, { id, name, retries, policy, override, now: Date.now() });
  } catch (error) {
    // A filter or a duration of the user's that throws is a failure of the task, not of the worker.
    return { kind: 'fail', error };
  }
}
