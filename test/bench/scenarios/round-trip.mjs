/** How long a caller waits for one result. */
// @ts-check
import { startPairs } from '../cast.mjs';
import { median, pairedRatio, quantile } from '../numbers.mjs';
import { inTurns, sideNames, sides } from '../rounds.mjs';
import { digits, spread } from '../text.mjs';

/** @type {import('../bench.mjs').Scenario} */
export const roundTrip = {
  name: 'round-trip',
  title: 'delay().get() against job.waitUntilFinished()',
  async run({ server, short }) {
    const trips = short ? 200 : 800;
    const { pairs, end } = await startPairs(server, {
      concurrency: 50,
      warmUp: short ? 200 : 5_000,
    });
    for (const side of sides) await pairs[side].caller.ask('roundTrips', short ? 50 : 1_000);
    /** @type {Record<import('../rounds.mjs').Side, number[][]>} */
    const found = await inTurns({ rounds: short ? 1 : 9, budget: 30 }, (side) =>
      pairs[side].caller.ask('roundTrips', trips),
    );
    await end();
    const medians = { dtask: found.dtask.map(median), bullmq: found.bullmq.map(median) };
    const [ours, theirs] = [median(medians.dtask), median(medians.bullmq)];
    const share = pairedRatio(medians.dtask, medians.bullmq);
    return {
      data: Object.fromEntries(
        sides.map((side) => [
          side,
          found[side].map((all) => ({ p50: median(all), p99: quantile(all, 0.99) })),
        ]),
      ),
      tables: [
        {
          title: `One call at a time, ${trips} calls a round, one worker in another process`,
          columns: ['', 'median ms', 'p99 ms'],
          rows: sides.map((side) => [
            sideNames[side],
            spread(medians[side]),
            spread(found[side].map((all) => quantile(all, 0.99))),
          ]),
          note: 'Of each round its median and p99; printed is the median of the rounds (least - most).',
        },
      ],
      bars: [
        {
          kind: 'time',
          text: "the median is at most 0.9 of plain BullMQ's",
          got: `${digits(share)}, ${digits(ours)} ms against ${digits(theirs)} ms`,
          met: share <= 0.9,
          compared: { what: 'one call and its result', ratio: 1 / share },
        },
      ],
    };
  },
};
