/** A dtask worker. */
// @ts-check
import { Worker } from 'dtask/worker';
import { memory } from './memory.mjs';
import { app, tally } from './dtask-app.mjs';
import { serve } from './role.mjs';

/** @type {Worker | undefined} */
let worker;

serve({
  start: async (concurrency, options = {}) => {
    worker = new Worker(app, { concurrency, logLevel: 'warn', ...options });
    await worker.start();
    return worker.httpAddress;
  },
  span: (from, to) => tally.span(from, to),
  memory,
  stop: async () => {
    await worker?.stop();
    await app.close();
  },
});
