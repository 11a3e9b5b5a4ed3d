/** Workers whose children compute without a pause, at default settings. */
// @ts-check
import { quantile } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { digits } from '../text.mjs';

const kinds = /** @type {const} */ (['threads', 'processes']);
/** Tasks that block at the same time, over both workers. */
const blocking = 2;

/** @type {import('../bench.mjs').Scenario} */
export const blocked = {
  name: 'blocked',
  title: 'two workers whose children block their CPU',
  async run({ server, short }) {
    const seconds = short ? 8 : 60;
    const found = [];
    for (const kind of kinds) found.push(await block(server, kind, seconds * 1_000));
    return {
      data: found,
      tables: [
        {
          title: `${blocking} tasks of ${seconds} s CPU, whose locks are looked at every 2 s`,
          columns: ['', 'runs', 'pings', 'ping ms', '99 of 100', 'slowest'],
          rows: found.map(({ kind, runs, pings }) => [
            kind,
            String(runs),
            String(pings.length),
            digits(quantile(pings, 0.5)),
            digits(quantile(pings, 0.99)),
            digits(Math.max(...pings)),
          ]),
          note: 'A ping is answered when both workers have answered.',
        },
      ],
      bars: found.flatMap(({ kind, runs, pings }) => [
        {
          kind: /** @type {const} */ ('count'),
          text: `each task runs exactly once in ${kind}`,
          got: `${runs} runs of ${blocking} tasks`,
          met: runs === blocking,
        },
        {
          kind: /** @type {const} */ ('time'),
          text: `a ping takes less than 200 ms all the while, in ${kind}`,
          got: `${digits(quantile(pings, 0.99))} ms for 99 of 100`,
          met: quantile(pings, 0.99) < 200,
        },
      ]),
    };
  },
};

/**
 * @param {import('../server.mjs').Server} server
 * @param {string} kind
 * @param {number} ms
 */
async function block(server, kind, ms) {
  await server.empty();
  const caller = new RoleProcess('pool-caller', server);
  const workers = [0, 1].map(() => new RoleProcess('pool-worker', server));
  for (const worker of workers) await worker.ask('start', kind, 1);
  const pings = /** @type {number[]} */ (await caller.ask('block', blocking, ms));
  const runs = await server.redis.llen('bench:starts');
  await caller.stop();
  for (const worker of workers) await worker.stop();
  return { kind, runs, pings };
}
