/** What a result costs when many processes wait for results. */
// @ts-check
import { median, sum } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { sideNames } from '../rounds.mjs';
import { digits, spread } from '../text.mjs';

const inFlight = 25;
/**
 * Flat is: at most this many times what it is with fewer processes. Redis is everybody's, so its part
 * must not grow. A caller wakes for its own results only; but the more processes share them, the
 * fewer it finds when it wakes, which makes the sum grow a little.
 */
const flat = { redis: 1.2, sum: 1.5 };

/** @typedef {{ rate: number, redis: number, callers: number }} Cost */
/** @typedef {{ results: number, rounds: number, warmUp: number }} Size `warmUp` is for each process */

/** @type {import('../bench.mjs').Scenario} */
export const waiting = {
  name: 'waiting',
  title: 'the cost of a result as waiting processes grow',
  async run({ server, short }) {
    const results = short ? 800 : 16_000;
    // Sixteen processes take a while to start.
    const crowds = short ? [1, 2, 4] : [1, 4, 16];
    const most = crowds[2];
    const ours = await grow(server, 'dtask', {
      crowds,
      results,
      rounds: short ? 1 : 3,
      warmUp: short ? 50 : 2_000,
    });
    const theirs = await grow(server, 'bullmq', {
      crowds,
      results: short ? 400 : 3_200,
      rounds: 1,
      warmUp: short ? 25 : 200,
    });
    const total = (/** @type {Cost[] | undefined} */ costs = []) =>
      median(costs.map(({ redis, callers }) => (Number.isNaN(redis) ? callers : redis + callers)));
    const redis = (/** @type {Cost[] | undefined} */ costs = []) =>
      median(costs.map((cost) => cost.redis));
    const growth = (/** @type {Cost[][]} */ found) => total(found[2]) / total(found[0]);
    const shared = redis(ours[2]) / Math.min(redis(ours[0]), redis(ours[1]));
    return {
      data: { dtask: ours, bullmq: theirs },
      tables: [
        {
          title: `${inFlight} calls in flight in each process, ${digits(results)} results in all (plain BullMQ: fewer), one worker`,
          columns: [
            '',
            'processes',
            'results/s',
            'Redis CPU µs/result',
            'CPU of all callers µs/result',
          ],
          rows: [
            ...rows(sideNames.dtask, crowds, ours),
            ...rows(`${sideNames.bullmq}, waitUntilFinished`, crowds, theirs),
          ],
          note: `From 1 to ${most} processes the sum of both costs grows to ${digits(growth(ours))} times, plain BullMQ's to ${digits(growth(theirs))} times.`,
        },
      ],
      bars: [
        {
          kind: 'time',
          text: `flat: with ${most} processes a result costs at most ${flat.sum} times what it does with one`,
          got: digits(growth(ours)),
          met: growth(ours) <= flat.sum,
        },
        ...(Number.isNaN(shared)
          ? []
          : [
              {
                kind: 'time',
                text: `flat: with ${most} processes a result costs Redis at most ${flat.redis} times what it does with fewer`,
                got: digits(shared),
                met: shared <= flat.redis,
              },
            ]),
      ],
    };
  },
};

/**
 * @param {import('../server.mjs').Server} server
 * @param {import('../rounds.mjs').Side} side
 * @param {Size & { crowds: number[] }} size
 */
async function grow(server, side, { crowds, ...size }) {
  await server.empty();
  const worker = new RoleProcess(`${side}-worker`, server);
  await worker.ask('start', 50);
  const found = [];
  for (const crowd of crowds) found.push(await crowded(server, side, { crowd, ...size }));
  await worker.stop();
  return found;
}

/**
 * @param {import('../server.mjs').Server} server
 * @param {import('../rounds.mjs').Side} side
 * @param {Size & { crowd: number }} size
 */
async function crowded(server, side, { crowd, results, rounds, warmUp }) {
  const callers = Array.from({ length: crowd }, () => new RoleProcess(`${side}-caller`, server));
  const each = (/** @type {string} */ command, /** @type {unknown[]} */ ...args) =>
    Promise.all(callers.map((caller) => caller.ask(command, ...args)));
  if (side === 'bullmq') await each('listen');
  // A process's first results cost more, which would be taken for the cost of there being many.
  await each('get', warmUp, inFlight);
  /** @type {Cost[]} */
  const costs = [];
  for (let round = 0; round < rounds; round += 1) {
    const before = await server.cpu();
    /** @type {import('../roles/tally.mjs').Span[]} */
    const spans = await each('get', results / crowd, inFlight);
    const redis = ((await server.cpu()) - before) / results;
    const slowest = Math.max(...spans.map(({ ms }) => ms));
    costs.push({
      rate: (results / slowest) * 1_000,
      redis,
      callers: sum(spans.map(({ cpu }) => cpu)) / results,
    });
  }
  for (const caller of callers) await caller.stop();
  return costs;
}

/**
 * @param {string} name
 * @param {number[]} crowds
 * @param {Cost[][]} found
 */
function rows(name, crowds, found) {
  return found.map((costs, at) => [
    at === 0 ? name : '',
    String(crowds[at]),
    spread(costs.map(({ rate }) => rate)),
    spread(costs.map(({ redis }) => redis)),
    spread(costs.map(({ callers }) => callers)),
  ]);
}
