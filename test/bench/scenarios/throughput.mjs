/** How many tasks a second one worker process gets done. */
// @ts-check
import { median, pairedRatio } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { inTurns, sideNames, sides } from '../rounds.mjs';
import { digits, spread } from '../text.mjs';

/** Tasks that run before the clock does, for the compiler's sake. */
const warmUp = 4_000;
const concurrency = 50;

/** @type {import('../bench.mjs').Scenario} */
export const throughput = {
  name: 'throughput',
  title: 'tasks from a full queue through one worker process',
  async run({ server, short }) {
    const tasks = short ? 6_000 : 44_000;
    const found = await inTurns({ rounds: short ? 1 : 7, budget: 50 }, (side) =>
      drain(server, side, tasks),
    );
    const rows = sides.map((side) => [
      sideNames[side],
      spread(found[side].map(({ rate }) => rate)),
      spread(found[side].map(({ node }) => node)),
      spread(found[side].map(({ redis }) => redis)),
    ]);
    const ratio = pairedRatio(...both(found, 'rate'));
    const cpu =
      median(found.dtask.map(({ node }) => node)) / median(found.bullmq.map(({ node }) => node));
    return {
      data: found,
      tables: [
        {
          title: `${digits(tasks - warmUp)} no-op tasks, concurrency ${concurrency}; dtask keeps their results, plain BullMQ none`,
          columns: ['', 'tasks/s', 'worker CPU µs/task', 'Redis CPU µs/task'],
          rows,
          note: `Median of ${found.dtask.length} rounds (least - most). Worker CPU is ${digits(cpu)} of plain BullMQ's.`,
        },
      ],
      bars: [
        {
          kind: 'time',
          text: "at least 0.95 of plain BullMQ's tasks/s",
          got: digits(ratio),
          met: ratio >= 0.95,
          compared: { what: 'tasks executed, full queue', ratio },
        },
      ],
    };
  },
};

/**
 * @param {import('../server.mjs').Server} server
 * @param {import('../rounds.mjs').Side} side
 * @param {number} tasks
 */
async function drain(server, side, tasks) {
  await server.empty();
  const caller = new RoleProcess(`${side}-caller`, server);
  await caller.ask('send', tasks, 256);
  await caller.stop();
  const worker = new RoleProcess(`${side}-worker`, server);
  const span = worker.ask('span', warmUp, tasks);
  const before = await server.cpu();
  // Nothing is kept of plain BullMQ's.
  await worker.ask(
    'start',
    concurrency,
    side === 'bullmq' ? { removeOnComplete: { count: 0 } } : {},
  );
  const { tasks: timed, ms, cpu } = await span;
  const redis = ((await server.cpu()) - before) / tasks;
  await worker.stop();
  return { rate: (timed / ms) * 1_000, node: cpu / timed, redis };
}

/**
 * @template {string} K
 * @param {Record<import('../rounds.mjs').Side, Record<K, number>[]>} found
 * @param {K} key
 * @returns {[number[], number[]]}
 */
function both(found, key) {
  return [found.dtask.map((one) => one[key]), found.bullmq.map((one) => one[key])];
}
