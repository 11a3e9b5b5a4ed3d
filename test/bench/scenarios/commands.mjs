/** What is asked of Redis for a task. */
// @ts-check
import { CommandLog } from '../command-log.mjs';
import { RoleProcess } from '../role-process.mjs';
import { sideNames, sides } from '../rounds.mjs';
import { digits } from '../text.mjs';

/** Requests that keep connections and queues alive, and have nothing to do with single tasks. */
const upkeep = new Set([
  'INFO',
  'CLIENT',
  'HELLO',
  'PING',
  'SUBSCRIBE',
  'QUIT',
  'EVALSHA moveStalledJobsToWait',
  'EVALSHA extendLocks',
  'EVAL',
]);

const phases = [
  { name: 'delay / add', of: 'sending' },
  { name: 'execute, full queue', of: 'executing' },
  { name: 'call and result, one at a time', of: 'alone' },
  { name: 'call and result, 25 in flight', of: 'together' },
];

/** @typedef {Record<string, import('../command-log.mjs').Counted>} Counts */

/** @type {import('../bench.mjs').Scenario} */
export const commands = {
  name: 'commands',
  title: 'requests and commands in Redis for each task',
  async run({ server, short }) {
    const tasks = short ? 500 : 2_000;
    const log = await CommandLog.open(server.url);
    /** @type {Record<import('../rounds.mjs').Side, Counts>} */
    const found = {
      dtask: await count(server, log, 'dtask', tasks),
      bullmq: await count(server, log, 'bullmq', tasks),
    };
    log.close();
    const ours = (/** @type {string} */ of) => requests(found.dtask[of]) / tasks;
    const theirs = (/** @type {string} */ of) => requests(found.bullmq[of]) / tasks;
    return {
      data: JSON.parse(
        JSON.stringify(found, (_key, value) =>
          value instanceof Map ? Object.fromEntries(value) : value,
        ),
      ),
      tables: phases.map(({ name, of }) => table(name, of, found, tasks)),
      bars: [
        bar('sending is one request a call', ours('sending'), 1.01),
        bar(
          'executing a full queue is at most half a request a task (results, and completions, of several in one)',
          ours('executing'),
          0.5,
        ),
        bar(
          "a call and its result, 25 in flight, take no more requests than plain BullMQ's",
          ours('together'),
          theirs('together'),
        ),
        bar(
          'a call and its result, alone, are five requests: sent, waited for, fetched, told, completed',
          ours('alone'),
          5.3,
        ),
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
  return { kind: 'count', text, got: digits(got), met: got <= most };
}

/**
 * @param {string} name
 * @param {string} of
 * @param {Record<import('../rounds.mjs').Side, Counts>} found
 * @param {number} tasks
 */
function table(name, of, found, tasks) {
  const names = new Set(sides.flatMap((side) => [...(found[side][of]?.requests.keys() ?? [])]));
  const cells = (
    /** @type {(counted: import('../command-log.mjs').Counted | undefined) => number} */ pick,
  ) => sides.map((side) => digits(pick(found[side][of]) / tasks));
  return {
    title: name,
    columns: ['for each task', ...sides.map((side) => sideNames[side])],
    rows: [
      ...[...names]
        .filter((each) => !upkeep.has(each))
        .map((each) => [each, ...cells((counted) => counted?.requests.get(each) ?? 0)]),
      ['requests', ...cells(requests)],
      ['commands inside scripts', ...cells((counted) => counted?.inner ?? 0)],
    ],
  };
}

/** @param {import('../command-log.mjs').Counted | undefined} counted */
function requests(counted) {
  let total = 0;
  for (const [name, count] of counted?.requests ?? []) if (!upkeep.has(name)) total += count;
  return total;
}

/**
 * @param {import('../server.mjs').Server} server
 * @param {CommandLog} log
 * @param {import('../rounds.mjs').Side} side
 * @param {number} tasks
 * @returns {Promise<Counts>}
 */
async function count(server, log, side, tasks) {
  await server.empty();
  const { redis } = server;
  const caller = new RoleProcess(`${side}-caller`, server);
  const first = new RoleProcess(`${side}-worker`, server);
  await caller.ask('send', 100, 10);
  const sending = await log.during(() => caller.ask('send', tasks, 25), redis);
  const executing = await log.during(async () => {
    const all = first.ask('span', 1, tasks + 100);
    await first.ask('start', 50);
    await all;
    // The last tasks are still to be completed when they have run.
    await first.stop();
  }, redis);
  const worker = new RoleProcess(`${side}-worker`, server);
  await worker.ask('start', 50);
  if (side === 'bullmq') await caller.ask('listen');
  await caller.ask('get', 100, 10);
  const alone = await log.during(() => caller.ask('roundTrips', tasks / 4), redis);
  const together = await log.during(() => caller.ask('get', tasks, 25), redis);
  await caller.stop();
  await worker.stop();
  return {
    sending,
    executing: scaled(executing, tasks / (tasks + 100)),
    alone: scaled(alone, 4),
    together,
  };
}

/**
 * @param {import('../command-log.mjs').Counted} counted
 * @param {number} factor
 * @returns {import('../command-log.mjs').Counted}
 */
function scaled({ requests: by, inner }, factor) {
  return {
    requests: new Map([...by].map(([name, times]) => [name, times * factor])),
    inner: inner * factor,
  };
}
