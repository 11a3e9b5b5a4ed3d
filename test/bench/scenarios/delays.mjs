/** How late delayed tasks start on a server with its default settings. */
// @ts-check
import { startPairs } from '../cast.mjs';
import { median, quantile } from '../numbers.mjs';
import { inTurns, sideNames, sides } from '../rounds.mjs';
import { digits, spread } from '../text.mjs';

/** How often Redis looks after what is blocked, unless it is told otherwise. */
const defaultHz = 10;
/** Milliseconds between two tasks that are due: the worker waits in between. */
const apart = 37;
/** How late the median may be, in milliseconds. */
const most = 5;

/** @type {import('../bench.mjs').Scenario} */
export const delays = {
  name: 'delays',
  title: 'how late delayed tasks start',
  async run({ server, short }) {
    const tasks = short ? 30 : 150;
    // Valkey in WebAssembly takes no such setting; its timer is what counts there.
    await server.redis.config('SET', 'hz', defaultHz).catch(() => undefined);
    const { pairs, end } = await startPairs(server, { concurrency: 50, warmUp: 200 });
    const found = await inTurns({ rounds: short ? 1 : 3, budget: 60 }, (side) =>
      pairs[side].caller.ask('late', tasks, apart),
    );
    await end();
    const of = (/** @type {import('../rounds.mjs').Side} */ side, /** @type {number} */ part) =>
      found[side].map((/** @type {number[]} */ all) => quantile(all, part));
    const ours = median(of('dtask', 0.5));
    return {
      data: found,
      tables: [
        {
          title: `${tasks} tasks, due ${apart} ms after each other, an idle worker, hz ${defaultHz}`,
          columns: ['', 'median ms late', 'p99', 'most'],
          rows: sides.map((side) => [
            sideNames[side],
            ...[0.5, 0.99, 1].map((part) => spread(of(side, part))),
          ]),
        },
      ],
      bars: [
        {
          kind: 'time',
          text: `the median delayed task starts at most ${most} ms late`,
          got: `${digits(ours)} ms`,
          met: ours <= most,
        },
      ],
    };
  },
};
