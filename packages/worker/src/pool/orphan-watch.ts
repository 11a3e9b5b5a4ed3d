/**
 * A thread that kills its process when the worker that started it is gone: for systems whose kernel
 * does not. The process' own loop hears that its line is closed, but not while a task blocks it.
 */
import { workerData } from 'node:worker_threads';

/** How often it looks, in milliseconds. */
const interval = 500;

const { worker } = workerData as { worker: number };

// An orphan is given another parent by the system; on Windows it is not, and the closed line must do.
setInterval(() => {
  if (process.ppid !== worker) process.kill(process.pid, 'SIGKILL');
}, interval);
