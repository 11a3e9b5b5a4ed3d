/** A plain BullMQ worker, which keeps return values by default. */
// @ts-check
import { Worker } from 'bullmq';
import { prefix, serve, url } from './role.mjs';
import { Tally } from './tally.mjs';

const tally = new Tally();
/** @type {Worker | undefined} */
let worker;

serve({
  start: async (concurrency, options = {}) => {
    const place = { connection: { url }, prefix, concurrency };
    worker = new Worker('bench', process_, { ...place, ...options });
    worker.on('error', (error) => console.error(error));
    await worker.waitUntilReady();
  },
  span: (from, to) => tally.span(from, to),
  stop: () => worker?.close(),
});

/** @param {import('bullmq').Job} job */
async function process_(job) {
  if (job.name === 'late') return Date.now() - job.data.due;
  tally.count();
  return job.data.x;
}
