/** What executes tasks. */
export { captureConsole } from './console.js';
export { blame } from './run.js';
export { describeSnapshot, type RunningTask, type Snapshot } from './snapshot.js';
export { Worker, type WorkerOptions } from './worker.js';
