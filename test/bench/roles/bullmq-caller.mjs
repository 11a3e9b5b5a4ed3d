/** A process that adds jobs to plain BullMQ, and waits for them as BullMQ has it. */
// @ts-check
import { Queue, QueueEvents } from 'bullmq';
import { paced, staggered, timed } from './pace.mjs';
import { prefix, serve, url } from './role.mjs';

const options = { connection: { url }, prefix };
const queue = new Queue('bench', options);
/** @type {QueueEvents | undefined} */
let events;

/** @param {number} x */
async function roundTrip(x) {
  if (!events) throw new Error('listen first');
  const job = await queue.add('echo', { x });
  return job.waitUntilFinished(events);
}

serve({
  listen: async () => {
    events = new QueueEvents('bench', options);
    // waitUntilFinished adds listeners to both for each waiting job.
    events.setMaxListeners(0);
    queue.setMaxListeners(0);
    await events.waitUntilReady();
  },
  send: (count, width) => paced(count, width, (x) => queue.add('echo', { x })),
  get: (count, width) => paced(count, width, roundTrip),
  roundTrips: (count) => timed(count, roundTrip),
  /** How late jobs run that are due one after another, in milliseconds. */
  late: (count, apart) =>
    staggered(count, apart, async (due, delay) => {
      if (!events) throw new Error('listen first');
      return (await queue.add('late', { due }, { delay })).waitUntilFinished(events);
    }),
  /** Results a second of many jobs that are added together. */
  group: async (count) => {
    if (!events) throw new Error('listen first');
    const began = performance.now();
    const jobs = Array.from({ length: count }, (_, x) => ({ name: 'echo', data: { x } }));
    const waiting = events;
    await Promise.all((await queue.addBulk(jobs)).map((job) => job.waitUntilFinished(waiting)));
    return (count / (performance.now() - began)) * 1_000;
  },
  stop: async () => {
    await events?.close();
    await queue.close();
  },
});
