/** Starts workers for the App of the seams in processes of their own. */
import type { Stage } from '../support/stage.js';
import { startWorker, type WorkerProcess } from '../support/worker-process.js';

/** Flags of locks that lapse soon. */
export const short = ['--lock-duration', '1s', '--stalled-interval', '500ms'];

/** Starts a worker that ends with the test at the latest; resolves when it takes tasks. */
export function hire(stage: Stage, ...flags: string[]): Promise<WorkerProcess> {
  return startWorker({ app: 'seams/app.ts', env: stage.environment(), flags });
}
