/** A thread that kills its process when the process that started it is gone. */
import process from 'node:process';
import { workerData } from 'node:worker_threads';

const LOOK_EVERY_MS = 500;

const { parent } = workerData as { parent: number };

// An orphan is given another parent by the system; Windows does not do that, there the closed channel must do.
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, LOOK_EVERY_MS);
