/** What executes tasks. */
export { captureConsole } from './console.js';
export { blame } from './run.js';
export { Worker, type WorkerOptions } from './worker.js';
