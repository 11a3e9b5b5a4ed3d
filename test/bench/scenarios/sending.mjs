/** How many calls a second one process sends. */
// @ts-check
import { pairedRatio } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { inTurns, sideNames, sides } from '../rounds.mjs';
import { digits, spread } from '../text.mjs';

const forms = [
  { width: 1, name: 'awaited one by one', long: 10_000, brief: 500 },
  { width: 100, name: '100 at a time', long: 60_000, brief: 2_000 },
];

/** @type {import('../bench.mjs').Scenario} */
export const sending = {
  name: 'sending',
  title: 'delay() against queue.add()',
  async run({ server, short }) {
    const callers = {
      dtask: new RoleProcess('dtask-caller', server),
      bullmq: new RoleProcess('bullmq-caller', server),
    };
    for (const side of sides) await callers[side].ask('send', short ? 1_000 : 30_000, 50);
    const tables = [];
    const bars = [];
    const data = [];
    for (const { width, name, long, brief } of forms) {
      const calls = short ? brief : long;
      const found = await inTurns({ rounds: short ? 1 : 7, budget: 25 }, (side) =>
        send(server, callers[side], calls, width),
      );
      const rates = (/** @type {import('../rounds.mjs').Side} */ side) =>
        found[side].map(({ rate }) => rate);
      const ratio = pairedRatio(rates('dtask'), rates('bullmq'));
      data.push({ name, found });
      tables.push({
        title: `${digits(calls)} calls of one process, ${name}`,
        columns: ['', 'calls/s', 'caller CPU µs/call', 'Redis CPU µs/call'],
        rows: sides.map((side) => [
          sideNames[side],
          spread(rates(side)),
          spread(found[side].map(({ node }) => node)),
          spread(found[side].map(({ redis }) => redis)),
        ]),
      });
      const text = `${name}: at least plain BullMQ's calls/s`;
      bars.push({
        kind: /** @type {const} */ ('time'),
        text,
        got: digits(ratio),
        met: ratio >= 1,
        compared: { what: `calls sent, ${name}`, ratio },
      });
    }
    for (const side of sides) await callers[side].stop();
    return { tables, bars, data };
  },
};

/**
 * @param {import('../server.mjs').Server} server
 * @param {RoleProcess} caller
 * @param {number} calls
 * @param {number} width
 */
async function send(server, caller, calls, width) {
  await server.empty();
  const before = await server.cpu();
  const { ms, cpu } = await caller.ask('send', calls, width);
  return {
    rate: (calls / ms) * 1_000,
    node: cpu / calls,
    redis: ((await server.cpu()) - before) / calls,
  };
}
