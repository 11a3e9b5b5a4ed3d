/** What the pools cost, and what they give. */
// @ts-check
import { median } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { digits, spread } from '../text.mjs';

/** @typedef {{ rate: number, cpu: number, trip: number, burn: number }} Measured */

const kinds = /** @type {const} */ (['inline', 'threads', 'processes']);
const widths = [1, 2, 4];
/** @type {import('../bench.mjs').Scenario} */
export const pools = {
  name: 'pools',
  title: 'tasks inline, in threads and in processes',
  async run({ server, short }) {
    const tasks = short ? 2_000 : 12_000;
    const rounds = short ? 1 : 3;
    /** @type {Map<string, Measured[]>} */
    const found = new Map();
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of kinds) {
        for (const width of widths) {
          const name = `${kind}, ${width} at a time`;
          const one = await measure(server, kind, width, tasks, short);
          found.set(name, [...(found.get(name) ?? []), one]);
        }
      }
    }
    const line = await bareLine(server, short);
    const of = (/** @type {string} */ name, /** @type {keyof Measured} */ key) =>
      median((found.get(name) ?? []).map((one) => one[key]));
    const costs = kinds.slice(1).map((kind) => ({
      kind,
      cost: of(`${kind}, 1 at a time`, 'cpu') - of('inline, 1 at a time', 'cpu'),
    }));
    const speedup = of('processes, 1 at a time', 'burn') / of('processes, 2 at a time', 'burn');
    const most = { threads: 60, processes: 120 };
    return {
      data: { line, ...Object.fromEntries(found) },
      tables: [
        {
          title: `${digits(tasks)} no-op tasks from a full queue; tasks that compute for some 20 ms`,
          columns: ['', 'tasks/s', 'worker CPU µs/task', 'round trip ms', '20 ms tasks/s'],
          rows: [...found].map(([name, all]) => [
            name,
            spread(all.map(({ rate }) => rate)),
            spread(all.map(({ cpu }) => cpu)),
            spread(all.map(({ trip }) => trip)),
            spread(all.map(({ burn }) => 1_000 / burn)),
          ]),
          note: `CPU is that of the worker and its children. Round trip: median of calls awaited one by one.`,
        },
        {
          title:
            'a message to a child that sends it back, between two requests to Redis: its CPU on both sides, µs',
          columns: ['', 'µs'],
          rows: [
            ['thread, postMessage', digits(line.threads)],
            ['process, socket', digits(line.processes)],
          ],
          note: 'Beyond the requests. Nothing else is done: no pool can cost less, one task at a time.',
        },
      ],
      bars: [
        ...costs.map(({ kind, cost }) => ({
          kind: /** @type {const} */ ('time'),
          text: `a no-op task in ${kind} costs at most ${most[/** @type {'threads'} */ (kind)]} µs more than inline`,
          got: `${digits(cost)} µs; the bare line ${digits(line[/** @type {'threads'} */ (kind)])} µs`,
          met: cost <= most[/** @type {'threads'} */ (kind)],
        })),
        {
          kind: 'time',
          text: 'work of the CPU on two processes is at least 1.8 times as fast as on one',
          got: digits(speedup),
          met: speedup >= 1.8,
        },
      ],
    };
  },
};

/**
 * @param {import('../server.mjs').Server} server
 * @param {boolean} short
 * @returns {Promise<{ threads: number, processes: number }>}
 */
async function bareLine(server, short) {
  const count = short ? 2_000 : 20_000;
  const role = new RoleProcess('bare-line', server);
  const threads = await role.ask('threads', count);
  const processes = await role.ask('processes', count);
  await role.stop();
  return { threads, processes };
}

/**
 * @param {import('../server.mjs').Server} server
 * @param {string} kind
 * @param {number} width
 * @param {number} tasks
 * @param {boolean} short
 * @returns {Promise<Measured>}
 */
async function measure(server, kind, width, tasks, short) {
  await server.empty();
  const warmUp = tasks / 4;
  const caller = new RoleProcess('pool-caller', server);
  await caller.ask('send', tasks + warmUp, 256);
  const worker = new RoleProcess('pool-worker', server);
  await worker.ask('start', kind, width);
  await waitingAtMost(server, tasks);
  const cpu = await worker.ask('cpu');
  const began = performance.now();
  await waitingAtMost(server, 0);
  const ms = performance.now() - began;
  const used = (await worker.ask('cpu')) - cpu;
  const trips = await caller.ask('roundTrips', short ? 50 : 300);
  const count = short ? 10 : 200;
  const burn = (await caller.ask('burn', count)) / count;
  await caller.stop();
  await worker.stop();
  return { rate: (tasks / ms) * 1_000, cpu: used / tasks, trip: median(trips), burn };
}

/**
 * Waits until so many tasks wait, or fewer.
 *
 * @param {import('../server.mjs').Server} server
 * @param {number} most
 */
async function waitingAtMost({ redis }, most) {
  for (;;) {
    const [waiting, active] = await Promise.all([
      redis.llen('bench:{default}:wait'),
      redis.llen('bench:{default}:active'),
    ]);
    if (waiting + (most === 0 ? active : 0) <= most) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
