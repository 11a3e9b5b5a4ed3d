/** What executes tasks. */
export { captureConsole } from './console.js';
export { Worker, type WorkerOptions } from './worker.js';
