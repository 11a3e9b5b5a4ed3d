/** What metrics cost a worker, when somebody scrapes them. */
// @ts-check
import { pairedRatio } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { digits, spread } from '../text.mjs';

/** Tasks that run before the clock does, for the compiler's sake. */
const warmUp = 4_000;
/** Fifteen times as often as Prometheus asks, in milliseconds. */
const interval = 1_000;

/** @typedef {{ rate: number, cpu: number }} Found */

/** @type {import('../bench.mjs').Scenario} */
export const metrics = {
  name: 'metrics',
  title: 'a worker whose metrics are scraped',
  async run({ server, short }) {
    const tasks = short ? 6_000 : 44_000;
    /** @type {Found[]} */
    const off = [];
    /** @type {Found[]} */
    const on = [];
    for (let round = 0; round < (short ? 1 : 7); round += 1) {
      for (const scraped of round % 2 === 0 ? [false, true] : [true, false])
        (scraped ? on : off).push(await drain(server, tasks, scraped));
    }
    const ratio = pairedRatio(
      on.map(({ rate }) => rate),
      off.map(({ rate }) => rate),
    );
    const rows = [
      ['no port', spread(off.map(({ rate }) => rate)), spread(off.map(({ cpu }) => cpu))],
      ['scraped', spread(on.map(({ rate }) => rate)), spread(on.map(({ cpu }) => cpu))],
    ];
    return {
      data: { off, on },
      tables: [
        {
          title: `${digits(tasks - warmUp)} no-op tasks from a full queue, /metrics asked for once a second`,
          columns: ['', 'tasks/s', 'worker CPU µs/task'],
          rows,
        },
      ],
      bars: [
        {
          kind: 'time',
          text: 'metrics cost less than 3 % of tasks/s',
          got: digits(ratio),
          met: ratio >= 0.97,
        },
      ],
    };
  },
};

/**
 * @param {import('../server.mjs').Server} server
 * @param {number} tasks
 * @param {boolean} scraped
 * @returns {Promise<Found>}
 */
async function drain(server, tasks, scraped) {
  await server.empty();
  const caller = new RoleProcess('dtask-caller', server);
  await caller.ask('send', tasks, 256);
  await caller.stop();
  const worker = new RoleProcess('dtask-worker', server);
  const span = worker.ask('span', warmUp, tasks);
  const address = await worker.ask('start', 50, scraped ? { httpPort: 0 } : {});
  const scrape = () => fetch(`${address}/metrics`).then((page) => page.text());
  // The first one loads prom-client, once: that belongs to the start, as does the compiler's work.
  if (scraped) await scrape();
  const timer = setInterval(() => void (scraped && scrape()), interval);
  const { tasks: timed, ms, cpu } = await span;
  clearInterval(timer);
  await worker.stop();
  return { rate: (timed / ms) * 1_000, cpu: cpu / timed };
}
