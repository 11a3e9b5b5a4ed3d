/** What it costs a worker to be watched: by metrics that are scraped, and by events. */
// @ts-check
import { pairedRatio } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { digits, spread } from '../text.mjs';

/**
 * Tasks that run before the clock does: for about two seconds the compiler is at work, and has more
 * to do where a worker has more code. What a worker costs that has just started is another question.
 */
const warmUp = 60_000;
/** Fifteen times as often as Prometheus asks, in milliseconds. */
const interval = 1_000;

const kinds = /** @type {const} */ (['nothing', 'metrics', 'events']);
/** @typedef {typeof kinds[number]} Kind */
/** @typedef {{ rate: number, cpu: number }} Found */

/** @type {import('../bench.mjs').Scenario} */
export const watching = {
  name: 'watching',
  title: 'a worker whose metrics are scraped, or that tells events',
  async run({ server, short }) {
    const [from, to] = short ? [4_000, 6_000] : [warmUp, 180_000];
    /** @type {Record<Kind, Found[]>} */
    const found = { nothing: [], metrics: [], events: [] };
    for (let round = 0; round < (short ? 1 : 7); round += 1) {
      const order = round % 2 === 0 ? kinds : kinds.toReversed();
      for (const kind of order) found[kind].push(await drain(server, from, to, kind));
    }
    const ratioOf = (/** @type {Kind} */ kind) =>
      pairedRatio(
        found[kind].map(({ rate }) => rate),
        found.nothing.map(({ rate }) => rate),
      );
    const [metrics, events] = [ratioOf('metrics'), ratioOf('events')];
    return {
      data: found,
      tables: [
        {
          title: `${digits(to - from)} no-op tasks from a full queue, after ${digits(from)} others; /metrics asked for once a second; three events a task`,
          columns: ['', 'tasks/s', 'worker CPU µs/task'],
          rows: kinds.map((kind) => [
            kind,
            spread(found[kind].map(({ rate }) => rate)),
            spread(found[kind].map(({ cpu }) => cpu)),
          ]),
        },
      ],
      bars: [
        {
          kind: 'time',
          text: 'metrics cost less than 3 % of tasks/s',
          got: digits(metrics),
          met: metrics >= 0.97,
        },
        {
          kind: 'time',
          text: 'events cost less than 10 % of tasks/s',
          got: digits(events),
          met: events >= 0.9,
        },
      ],
    };
  },
};

const options = {
  nothing: {},
  metrics: { httpPort: 0 },
  events: { events: true },
};

/**
 * @param {import('../server.mjs').Server} server
 * @param {number} from
 * @param {number} to
 * @param {Kind} kind
 * @returns {Promise<Found>}
 */
async function drain(server, from, to, kind) {
  await server.empty();
  const caller = new RoleProcess('dtask-caller', server);
  await caller.ask('send', to, 256);
  await caller.stop();
  const worker = new RoleProcess('dtask-worker', server);
  const span = worker.ask('span', from, to);
  const address = await worker.ask('start', 50, options[kind]);
  const scraped = kind === 'metrics';
  const scrape = () => fetch(`${address}/metrics`).then((page) => page.text());
  const timer = setInterval(() => void (scraped && scrape()), interval);
  const { tasks: timed, ms, cpu } = await span;
  clearInterval(timer);
  await worker.stop();
  return { rate: (timed / ms) * 1_000, cpu: cpu / timed };
}
