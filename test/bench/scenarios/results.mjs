/** How many results a second come back to one caller, alone and among others who wait. */
// @ts-check
import { setTimeout as pause } from 'node:timers/promises';
import { startPairs } from '../cast.mjs';
import { median, pairedRatio } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { inTurns, sideNames, sides } from '../rounds.mjs';
import { digits, spread } from '../text.mjs';

const inFlight = 100;

/** @type {import('../bench.mjs').Scenario} */
export const results = {
  name: 'results',
  title: 'calls and their results, end to end',
  async run({ server, short }) {
    const calls = short ? 1_000 : 15_000;
    const crowd = short ? 4 : 16;
    const warmUp = short ? 500 : 10_000;
    const { pairs, end } = await startPairs(server, { concurrency: 50, warmUp });
    const rate = async (/** @type {import('../rounds.mjs').Side} */ side) => {
      const { tasks, ms } = await pairs[side].caller.ask('get', calls, inFlight);
      return (tasks / ms) * 1_000;
    };
    const alone = await inTurns({ rounds: short ? 1 : 5, budget: 45 }, rate);
    const ratio = pairedRatio(alone.dtask, alone.bullmq);
    /** @type {number[][]} */
    const pairsOfRates = [];
    for (let round = 0; round < (short ? 1 : 6); round += 1)
      pairsOfRates.push(await beside(server, crowd, () => rate('dtask'), round % 2 === 1));
    const [none = [], many = []] = [0, 1].map((at) => pairsOfRates.map((pair) => pair[at] ?? 0));
    await end();
    const share = pairedRatio(many, none);
    return {
      data: { alone, none, many },
      tables: [
        {
          title: `${digits(calls)} calls of one process, ${inFlight} in flight, one worker; plain BullMQ: waitUntilFinished`,
          columns: ['', 'results/s'],
          rows: sides.map((side) => [sideNames[side], spread(alone[side])]),
        },
        {
          title: `The same of dtask, while other processes wait for results of their own`,
          columns: ['others', 'results/s'],
          rows: [
            ['0', spread(none)],
            [String(crowd), spread(many)],
          ],
          note: `Median of ${many.length} rounds (least - most); the ratio ${digits(median(many) / median(none))} is of medians, the bar's of rounds.`,
        },
      ],
      bars: [
        {
          kind: 'time',
          text: "at least 1.3 times plain BullMQ's results/s",
          got: digits(ratio),
          met: ratio >= 1.3,
          compared: { what: 'calls with results', ratio },
        },
        {
          kind: 'time',
          text: `with ${crowd} other processes that wait at least 0.95 of the results/s with none`,
          got: digits(share),
          met: share >= 0.95,
        },
      ],
    };
  },
};

/** A second in which all others together use the CPU for no longer than this is quiet, in µs. */
const quietly = 30_000;

/**
 * Waits until processes do nothing but wait: that sixteen of them have just started is not the question.
 *
 * @param {readonly RoleProcess[]} others
 */
async function quiet(others) {
  const used = async () =>
    (await Promise.all(others.map((other) => other.ask('cpu')))).reduce((sum, one) => sum + one, 0);
  for (let second = 0, before = await used(); second < 30; second += 1) {
    await pause(1_000);
    const now = await used();
    if (now - before <= quietly) return;
    before = now;
  }
}

/**
 * The rate without others and with them.
 *
 * @param {import('../server.mjs').Server} server
 * @param {number} crowd
 * @param {() => Promise<number>} rate
 * @param {boolean} othersFirst
 * @returns {Promise<[none: number, many: number]>}
 */
async function beside(server, crowd, rate, othersFirst) {
  const before = othersFirst ? 0 : await rate();
  const others = Array.from({ length: crowd }, () => new RoleProcess('dtask-caller', server));
  await Promise.all(others.map((other) => other.ask('idle')));
  await quiet(others);
  const many = await rate();
  await Promise.all(others.map((other) => other.stop()));
  return [othersFirst ? await rate() : before, many];
}
