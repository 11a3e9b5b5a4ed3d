/** Whether a worker's memory stays where it is, and whether it leaves anything in Redis. */
// @ts-check
import { slope } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { digits } from '../text.mjs';

/** Most that the heap may grow for a task, in bytes: a forgotten object of any kind takes more. */
const flat = 16;
const mebi = 1024 * 1024;

/** @type {import('../bench.mjs').Scenario} */
export const memory = {
  name: 'memory',
  title: 'one worker over many tasks',
  async run({ server, short }) {
    const total = short ? 8_000 : 200_000;
    const wave = total / 10;
    const place = { url: server.url, expires: '1s' };
    const caller = new RoleProcess('dtask-caller', place);
    const worker = new RoleProcess('dtask-worker', { ...place, execArgv: ['--expose-gc'] });
    await worker.ask('start', 50);
    // What a queue and a worker have of their own comes with the first task.
    await caller.ask('get', 10, 1);
    await settled(server, 0);
    const before = await server.redis.dbsize();
    const samples = [];
    for (let done = wave; done <= total; done += wave) {
      const ran = worker.ask('span', 1, wave);
      await caller.ask('send', wave, 100);
      await ran;
      samples.push({ done, ...(await worker.ask('memory')) });
    }
    const left = await settled(server, before);
    await caller.stop();
    await worker.stop();
    return findings({ samples, left, total, short });
  },
};

/** @param {{ samples: { done: number, rss: number, heap: number }[], left: number, total: number, short: boolean }} found */
function findings({ samples, left, total, short }) {
  const warm = samples.slice(2);
  const heap = slope(warm.map(({ done, heap: y }) => ({ x: done, y })));
  const rss = slope(warm.map(({ done, rss: y }) => ({ x: done, y })));
  /** @type {import('../text.mjs').Bar} */
  const steady = {
    kind: 'time',
    text: `heap grows by less than ${flat} bytes a task`,
    got: digits(heap),
    met: heap < flat,
  };
  /** @type {import('../text.mjs').Bar} */
  const nothingLeft = {
    kind: 'count',
    text: 'no key is left in Redis when results have expired',
    got: String(left),
    met: left === 0,
  };
  return {
    data: { samples, left, heapPerTask: heap, rssPerTask: rss },
    tables: [
      {
        title: `${digits(total)} tasks through one worker, results kept for 1 s`,
        columns: ['tasks done', 'heap MiB', 'resident MiB'],
        rows: samples.map((sample) => [
          digits(sample.done),
          digits(sample.heap / mebi),
          digits(sample.rss / mebi),
        ]),
        note: `After garbage collection. From the third sample on: heap ${digits(heap)} bytes a task, resident ${digits(rss)} bytes a task.`,
      },
    ],
    // A few tasks are within what the compiler takes while it warms up.
    bars: short ? [nothingLeft] : [steady, nothingLeft],
  };
}

/**
 * Waits until results have expired; gives how many keys are left over.
 *
 * @param {import('../server.mjs').Server} server
 * @param {number} expected
 */
async function settled(server, expected) {
  const until = Date.now() + 8_000;
  for (;;) {
    const results = (await server.redis.keys('bench:r:*')).length;
    const left = (await server.redis.dbsize()) - expected;
    if (results === 0 && (expected === 0 || left <= 0)) return Math.max(left, 0);
    if (Date.now() > until) return left;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
