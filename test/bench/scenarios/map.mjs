/** What a streamed map costs for each item, and whether it takes memory. */
// @ts-check
import { CommandLog } from '../command-log.mjs';
import { median } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { digits, spread } from '../text.mjs';

const mebi = 1024 * 1024;
/** How much the heaps may grow from a third of a map on, in bytes. */
const flat = 8 * mebi;
/** How long a task of the second part computes, in ms; and how many of them there are. */
const burned = 20;
const burns = 2_000;

/** @type {import('../bench.mjs').Scenario} */
export const map = {
  name: 'map',
  title: 'a streamed map, two worker processes',
  async run({ server, short }) {
    const counts = await count(server, short ? 10_000 : 100_000);
    if (short) return findings({ counts });
    const speed = await race(server, 1_000_000);
    const memory = await weigh(server, 1_000_000);
    const cpu = await burn(server);
    return findings({ counts, speed, memory, cpu });
  },
};

/**
 * @typedef {{ requests: number, bytes: number }} Counts for each item
 * @typedef {{ dtask: number[], bullmq: number[] }} Speed items a second
 * @typedef {{ heap: number, rss: number }} Sample in bytes
 * @typedef {{ caller: Sample[], workers: Sample[] }} Memory
 * @typedef {{ ms: number[], ideal: number[] }} Cpu
 * @param {{ counts: Counts, speed?: Speed, memory?: Memory, cpu?: Cpu }} found
 * @returns {import('../bench.mjs').Findings}
 */
function findings({ counts, speed, memory, cpu }) {
  const tables = [
    {
      title: 'Additions in chunks of 1,000, for each',
      columns: ['', 'measured'],
      rows: [
        ['requests to Redis', counts.requests.toFixed(4)],
        ['bytes to and from Redis', digits(counts.bytes)],
      ],
    },
  ];
  /** @type {import('../text.mjs').Bar[]} */
  const bars = [
    {
      kind: 'count',
      text: 'at most 12 requests for a chunk',
      got: digits(counts.requests * 1_000),
      met: counts.requests * 1_000 <= 12,
    },
    {
      kind: 'count',
      text: 'at most 60 bytes for an item',
      got: digits(counts.bytes),
      met: counts.bytes <= 60,
    },
  ];
  if (speed) {
    const ratio = median(speed.dtask) / median(speed.bullmq);
    tables.push({
      title: '1,000,000 additions, results streamed back',
      columns: ['', 'items/s'],
      rows: [
        ['dtask, starmap', spread(speed.dtask)],
        ['plain BullMQ, 100 in flight, waitUntilFinished', spread(speed.bullmq)],
      ],
    });
    bars.push({
      kind: 'time',
      text: 'at least 20 times plain BullMQ for each item',
      got: digits(ratio),
      met: ratio >= 20,
      compared: { what: 'items of a map', ratio },
    });
  }
  if (memory) {
    tables.push({
      title: 'Memory after each tenth of 1,000,000 additions, after garbage collection, MiB',
      columns: ['', ...memory.caller.map((_, at) => `${at + 1}/10`)],
      rows: [
        ['caller, heap', ...memory.caller.map(({ heap }) => digits(heap / mebi))],
        ['caller, resident', ...memory.caller.map(({ rss }) => digits(rss / mebi))],
        ['worker, heap', ...memory.workers.map(({ heap }) => digits(heap / mebi))],
        ['worker, resident', ...memory.workers.map(({ rss }) => digits(rss / mebi))],
      ],
    });
    for (const [who, all] of Object.entries(memory)) {
      const grown = Math.max(...all.slice(3).map(({ heap }) => heap)) - (all[2]?.heap ?? 0);
      bars.push({
        kind: 'time',
        text: `the heap of ${who} grows by less than ${flat / mebi} MiB from the third tenth on`,
        got: `${digits(grown / mebi)} MiB`,
        met: grown < flat,
      });
    }
  }
  if (cpu) {
    const share = median(cpu.ideal) / median(cpu.ms);
    tables.push({
      title: `${digits(burns)} items of some ${burned} ms of CPU, two children`,
      columns: ['', 'seconds'],
      rows: [
        ['map', spread(cpu.ms.map((ms) => ms / 1_000))],
        ['ideal: the same loop in two processes', spread(cpu.ideal.map((ms) => ms / 1_000))],
      ],
    });
    bars.push({
      kind: 'time',
      text: 'at least 0.9 of the ideal',
      got: digits(share),
      met: share >= 0.9,
    });
  }
  return { data: { counts, speed, memory, cpu }, tables, bars };
}

/**
 * @param {import('../server.mjs').Server} server
 * @param {number} items
 */
async function count(server, items) {
  const log = await CommandLog.open(server.url);
  const { caller, stop } = await open(server, 'dtask');
  await caller.ask('map', 10_000, { chunkSize: 1_000 });
  const counted = await log.during(
    () => caller.ask('map', items, { chunkSize: 1_000 }),
    server.redis,
  );
  log.close();
  const before = await server.traffic();
  await caller.ask('map', items, { chunkSize: 1_000 });
  const bytes = (await server.traffic()) - before;
  await stop();
  let requests = 0;
  for (const [name, each] of counted.requests) if (name !== 'INFO') requests += each;
  return { requests: requests / items, bytes: bytes / items };
}

/**
 * @param {import('../server.mjs').Server} server
 * @param {number} items
 */
async function race(server, items) {
  const plain = Math.floor(items / 50);
  /** @type {Speed} */
  const found = { dtask: [], bullmq: [] };
  for (let round = 0; round < 3; round += 1) {
    await server.empty();
    const ours = await open(server, 'dtask');
    await ours.caller.ask('map', items / 10, {});
    found.dtask.push((items / (await ours.caller.ask('map', items, {}))) * 1_000);
    await ours.stop();
    await server.empty();
    const theirs = await open(server, 'bullmq');
    await theirs.caller.ask('get', plain / 10, 100);
    const { ms } = await theirs.caller.ask('get', plain, 100);
    found.bullmq.push((plain / ms) * 1_000);
    await theirs.stop();
  }
  return found;
}

/**
 * @param {import('../server.mjs').Server} server
 * @param {number} items
 */
async function weigh(server, items) {
  await server.empty();
  const { caller, workers, stop } = await open(server, 'dtask', ['--expose-gc']);
  /** @type {Memory} */
  const found = { caller: [], workers: [] };
  for (let tenth = 1; tenth <= 10; tenth += 1) {
    // The loop stands still while all is weighed.
    found.caller.push(await caller.ask('mapOn', items, tenth));
    found.workers.push(await workers[0]?.ask('memory'));
  }
  await stop();
  return found;
}

/** @param {import('../server.mjs').Server} server */
async function burn(server) {
  await server.empty();
  const worker = new RoleProcess('pool-worker', server);
  await worker.ask('start', 'processes', 2);
  const caller = new RoleProcess('pool-caller', server);
  const other = new RoleProcess('pool-caller', server);
  await caller.ask('burnMap', 20);
  /** @type {Cpu} */
  const found = { ms: [], ideal: [] };
  for (let round = 0; round < 3; round += 1) {
    found.ms.push(await caller.ask('burnMap', burns));
    const both = [caller, other].map((one) => one.ask('burnHere', burns / 2));
    found.ideal.push(Math.max(...(await Promise.all(both))));
  }
  for (const one of [caller, other, worker]) await one.stop();
  return found;
}

/**
 * A caller and two workers.
 *
 * @param {import('../server.mjs').Server} server
 * @param {import('../rounds.mjs').Side} side
 * @param {string[]} [execArgv]
 */
async function open(server, side, execArgv = []) {
  const place = { url: server.url, execArgv };
  const workers = [1, 2].map(() => new RoleProcess(`${side}-worker`, place));
  for (const worker of workers) await worker.ask('start', side === 'bullmq' ? 50 : 10);
  const caller = new RoleProcess(`${side}-caller`, place);
  if (side === 'bullmq') await caller.ask('listen');
  const stop = async () => {
    for (const one of [caller, ...workers]) await one.stop();
  };
  return { caller, workers, stop };
}
