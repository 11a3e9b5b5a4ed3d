/** What packing many small calls into messages saves. */
// @ts-check
import { CommandLog } from '../command-log.mjs';
import { median } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { digits, spread } from '../text.mjs';

/** How many calls are in flight at a time. */
const widths = [1, 100, 1_000];

const ways = /** @type {const} */ ([
  { name: 'dtask, packed', side: 'dtask', command: 'getPacked' },
  { name: 'dtask', side: 'dtask', command: 'get' },
  { name: 'plain BullMQ, waitUntilFinished', side: 'bullmq', command: 'get' },
]);

/** A busy machine gets through fewer rounds in so many seconds. */
const budget = 60;

/** Requests that keep connections and queues alive. */
const upkeep = new Set(['INFO', 'PING', 'EVALSHA moveStalledJobsToWait', 'EVALSHA extendLocks']);

/** @type {import('../bench.mjs').Scenario} */
export const packing = {
  name: 'packing',
  title: 'many small calls, packed into messages and not',
  async run({ server, short }) {
    const calls = short ? 2_000 : 20_000;
    const { packed: requests, plain } = await count(server, short ? 2_000 : 20_000);
    const found = await race(server, calls, short ? 1 : 5);
    const rate = (/** @type {number} */ way) => median(found[way]?.[2] ?? []);
    return {
      data: { requests, found },
      tables: [
        {
          title: 'Requests to Redis for a call and its result',
          columns: ['', ...widths.map((width) => `${digits(width)} in flight`)],
          rows: [
            ['dtask, packed', ...requests.map((each) => each.toFixed(3))],
            ['dtask', ...plain.map((each) => each.toFixed(3))],
          ],
        },
        {
          title: `${digits(calls)} calls and their results, calls/s`,
          columns: ['', ...widths.map((width) => `${digits(width)} in flight`)],
          rows: ways.map(({ name }, at) => [name, ...(found[at] ?? []).map(spread)]),
          note: 'With one in flight there are 40 times fewer calls.',
        },
      ],
      bars: [
        // The worker's waits for the next task are among them, which differ a little from run to run.
        bar(
          'alone, a call takes no more requests than one that is never packed',
          requests[0] ?? NaN,
          (plain[0] ?? NaN) + 0.25,
        ),
        bar('100 in flight take at most 0.2 requests a call', requests[1] ?? NaN, 0.2),
        bar('1,000 in flight take at most 0.15 requests a call', requests[2] ?? NaN, 0.15),
        {
          kind: 'time',
          text: '1,000 in flight: at least 2 times the calls/s of the same task unpacked',
          got: digits(rate(0) / rate(1)),
          met: rate(0) >= 2 * rate(1),
        },
      ],
    };
  },
};

/**
 * @param {string} text
 * @param {number} got
 * @param {number} most
 * @returns {import('../text.mjs').Bar}
 */
function bar(text, got, most) {
  return { kind: 'count', text, got: got.toFixed(3), met: got <= most };
}

/**
 * Requests for each call, by how many are in flight.
 *
 * @param {import('../server.mjs').Server} server
 * @param {number} calls
 */
async function count(server, calls) {
  await server.empty();
  const log = await CommandLog.open(server.url);
  const caller = new RoleProcess('dtask-caller', server);
  const worker = new RoleProcess('dtask-worker', server);
  await worker.ask('start', 10);
  await caller.ask('getPacked', 1_000, 100);
  await caller.ask('get', 1_000, 100);
  /** @param {string} command */
  const each = async (command) => {
    const found = [];
    for (const width of widths) {
      const some = width === 1 ? calls / 10 : calls;
      const counted = await log.during(() => caller.ask(command, some, width), server.redis);
      let requests = 0;
      for (const [name, times] of counted.requests) if (!upkeep.has(name)) requests += times;
      found.push(requests / some);
    }
    return found;
  };
  const found = { packed: await each('getPacked'), plain: await each('get') };
  log.close();
  await caller.stop();
  await worker.stop();
  return found;
}

/**
 * Calls a second: for each way and each width, those of all rounds.
 *
 * @param {import('../server.mjs').Server} server
 * @param {number} calls
 * @param {number} rounds
 */
async function race(server, calls, rounds) {
  /** @type {number[][][]} */
  const found = ways.map(() => widths.map(() => []));
  const end = performance.now() + budget * 1_000;
  for (let round = 0; round < rounds && performance.now() < end; round += 1) {
    for (const [at, { side, command }] of ways.entries()) {
      await server.empty();
      const caller = new RoleProcess(`${side}-caller`, server);
      const worker = new RoleProcess(`${side}-worker`, server);
      await worker.ask('start', 50);
      if (side === 'bullmq') await caller.ask('listen');
      await caller.ask(command, calls / 4, 100);
      for (const [index, width] of widths.entries()) {
        const some = width === 1 ? calls / 40 : calls;
        const { ms } = await caller.ask(command, some, width);
        found[at]?.[index]?.push((some / ms) * 1_000);
      }
      await caller.stop();
      await worker.stop();
    }
  }
  return found;
}
