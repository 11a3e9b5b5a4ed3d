/** Tasks that are declared while a worker runs, and would wait for ever where no worker takes from their queue. */
import type { App } from '@dtask/core';
import { queueOf } from './own-queues.js';
import type { WorkerLog } from './log.js';

/** The worker that was there first. */
interface EarlyWorker {
  readonly app: App;
  readonly log: WorkerLog;
  readonly queues: readonly string[];
}

/**
 * Warns of each such task.
 *
 * @returns a function that ends it
 */
export function watchLateTasks(worker: EarlyWorker): () => void {
  return worker.app.tasks.onAdded((task) => void warn(worker, task));
}

async function warn({ app, log, queues }: EarlyWorker, task: string): Promise<void> {
  const queue = queueOf(app, task);
  if (queues.includes(queue)) return;
  try {
    const answers = Object.values(await app.inspect.activeQueues());
    if (answers.some((taken) => Array.isArray(taken) && taken.includes(queue))) return;
  } catch (err) {
    log.debug({ err }, 'other workers could not be asked for their queues');
  }
  log.warn(
    { task, queue },
    `the task ${task} was declared after the worker had started, and no worker takes from its queue ${queue}: its calls wait. Declare it before the worker is made, name the queue in the worker's option queues, or call app.control.addConsumer('${queue}')`,
  );
}
