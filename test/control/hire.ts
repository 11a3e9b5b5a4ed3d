/** Starts workers for the App of the control tests in processes of their own. */
import { fileURLToPath } from 'node:url';
import type { Stage } from '../support/stage.js';
import { startWorker, type WorkerProcess } from '../support/worker-process.js';

/** The folder of the App. */
export const here = fileURLToPath(new URL('.', import.meta.url));

/** Starts a worker that ends with the test at the latest; resolves when it takes tasks. */
export function hire(stage: Stage, ...flags: string[]): Promise<WorkerProcess> {
  return startWorker({ app: 'app.ts', cwd: here, env: stage.environment(), flags });
}
