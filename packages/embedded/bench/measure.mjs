/** Measures an engine: `node packages/embedded/bench/measure.mjs wasm|native` after a build. Takes about 10 seconds. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { startEmbedded } from '../dist/index.js';

const options = { engine: process.argv[2] ?? 'wasm', dir: false };
const median = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
const perSecond = (count, since) => Math.round(count / ((performance.now() - since) / 1_000));
const memory = (pid) =>
  `${Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024)} MB`;

const boots = [];
for (let i = 0; i < 9; i++) {
  const start = performance.now();
  const engine = await startEmbedded(options);
  boots.push(performance.now() - start);
  await engine.stop();
}

const embedded = await startEmbedded(options);
const report = {
  engine: `${embedded.engine} ${embedded.version}`,
  'boot median ms': Math.round(median(boots)),
};
report['memory fresh'] = memory(embedded.pid);

const redis = new Redis(embedded.url, { maxRetriesPerRequest: null });
const trips = [];
for (let i = 0; i < 4_000; i++) {
  const start = performance.now();
  await (i % 2 ? redis.get('key') : redis.set('key', i));
  trips.push(performance.now() - start);
}
report['SET/GET round trip p50 ms'] = Number(median(trips).toFixed(3));
report['SET/GET round trip p99 ms'] = Number(trips[3_960].toFixed(3));

let start = performance.now();
await Promise.all(Array.from({ length: 50_000 }, (_, i) => redis.set(`key ${i % 1_000}`, 'value')));
report['SET in flight together per s'] = perSecond(50_000, start);

const connection = { url: embedded.url, maxRetriesPerRequest: null };
const queue = new Queue('measure', { connection });
const JOBS = 5_000;
start = performance.now();
await Promise.all(
  Array.from({ length: JOBS }, (_, i) => queue.add('job', { i }, { removeOnComplete: true })),
);
report['BullMQ adds per s'] = perSecond(JOBS, start);

let left = JOBS;
const late = [];
const drained = withResolvers();
start = performance.now();
const worker = new Worker(
  'measure',
  async (job) => {
    if (job.name === 'delayed') late.push(Date.now() - job.timestamp - job.opts.delay);
    if (--left === 0) drained.resolve();
  },
  { connection, concurrency: 50 },
);
await drained.promise;
report['BullMQ jobs per s, concurrency 50'] = perSecond(JOBS, start);

for (let i = 0; i < 20; i++) {
  left = 1;
  const one = withResolvers();
  drained.resolve = one.resolve;
  await queue.add('delayed', {}, { delay: 50 + i });
  await one.promise;
}
report['delayed job late by, median ms'] = median(late);
report['delayed job late by, worst ms'] = late.at(-1);
report['memory after'] = memory(embedded.pid);
console.table(report);

await worker.close();
await queue.close();
redis.disconnect();
await embedded.stop();

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
