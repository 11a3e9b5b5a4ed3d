/** A plain BullMQ worker that keeps return values, as it does by default. */
// @ts-check
import { Worker } from 'bullmq';
import { prefix, serve, url } from './role.mjs';
import { Tally } from './tally.mjs';

const tally = new Tally();
/** @type {Worker | undefined} */
let worker;

serve({
  start: async (concurrency) => {
    worker = new Worker('bench', process_, { connection: { url }, prefix, concurrency });
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
