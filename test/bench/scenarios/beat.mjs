/** What a beat with many entries costs while none is due, how fast it sends them, and what kills do to it. */
// @ts-check
import { CommandLog } from '../command-log.mjs';
import { sum } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { digits } from '../text.mjs';

const mebi = 1024 * 1024;
const beats = 4;
const entries = 200;

/** @typedef {import('../server.mjs').Server} Server */

/** @type {import('../bench.mjs').Scenario} */
export const beat = {
  name: 'beat',
  title: 'beats: many entries, idle and all due at once, and beats that are killed',
  async run({ server, short }) {
    const few = await idle(server, 100, short ? 3_000 : 20_000);
    const many = await idle(server, 10_000, short ? 3_000 : 20_000);
    const burst = await allDue(server, 10_000);
    const each = await perEntry(server, 1_000);
    const crew = await killed(server, short ? 12 : 60);
    return {
      data: { idle: { few, many }, burst, each, crew },
      tables: tables({ few, many, burst, each, crew }),
      bars: bars({ few, many, burst, each, crew }),
    };
  },
};

/** @typedef {{ few: Awaited<ReturnType<typeof idle>>, many: Awaited<ReturnType<typeof idle>>, burst: number, each: number, crew: Awaited<ReturnType<typeof killed>> }} Found */

/**
 * @param {Found} found
 * @returns {import('../text.mjs').Table[]}
 */
function tables({ few, many, burst, each, crew }) {
  return [
    {
      title: 'one beat, none of its entries due',
      columns: ['entries', 'CPU %', 'requests/s', 'commands in scripts/s', 'heap MiB'],
      rows: [few, many].map((one) => [
        digits(one.count),
        digits(one.cpu),
        digits(one.requests),
        digits(one.inner),
        digits(one.heap / mebi),
      ]),
    },
    {
      title: '10,000 entries due at the same instant',
      columns: ['all in the queue after s', 'requests an entry'],
      rows: [[digits(burst / 1_000), digits(each)]],
    },
    {
      title: `${beats} beats, ${entries} entries at one a second for ${crew.seconds} s, one beat killed every two seconds`,
      columns: ['ticks', 'executed twice', 'missed', 'kills', 'of the one that sent', 'latest s'],
      rows: [
        [
          digits(crew.ticks),
          String(crew.again),
          String(crew.missed),
          String(crew.kills),
          String(crew.leaders),
          digits(crew.latest / 1_000),
        ],
      ],
      note: 'latest: from a tick to its run, at worst; a killed beat holds its claim for 5 s.',
    },
  ];
}

/**
 * @param {Found} found
 * @returns {import('../text.mjs').Bar[]}
 */
function bars({ few, many, burst, each, crew }) {
  return [
    {
      kind: 'time',
      text: 'a beat with 10,000 entries of which none is due takes less than 1 % of a CPU',
      got: `${digits(many.cpu)} %`,
      met: many.cpu < 1,
    },
    {
      kind: 'count',
      text: 'it sends as many requests as one with 100, and at most 3 a second',
      got: `${digits(many.requests)} and ${digits(few.requests)}`,
      met: many.requests <= 3 && Math.abs(many.requests - few.requests) <= 1,
    },
    {
      kind: 'time',
      text: '10,000 entries that are due at once are in the queue within 5 s',
      got: `${digits(burst / 1_000)} s`,
      met: burst <= 5_000,
    },
    {
      kind: 'count',
      text: 'an entry that is due takes less than 1.2 requests',
      got: digits(each),
      met: each < 1.2,
    },
    {
      kind: 'count',
      text: 'no tick is executed twice and none is missed while beats are killed',
      got: `${crew.again} and ${crew.missed} of ${crew.ticks}`,
      met: crew.again === 0 && crew.missed === 0 && crew.entries === entries,
    },
  ];
}

/**
 * @param {Server} server
 * @param {number} count
 * @param {number} ms
 */
async function idle(server, count, ms) {
  await server.empty();
  const role = new RoleProcess('beat', { url: server.url, execArgv: ['--expose-gc'] });
  await role.ask('start', { count, every: '7d' });
  await until(async () => (await server.redis.zcard('bench:beat:{bench}:due')) === count);
  const log = await CommandLog.open(server.url);
  await role.ask('cpu', 2_000);
  let cpu = 0;
  const counted = await log.during(async () => {
    cpu = await role.ask('cpu', ms);
  }, server.redis);
  log.close();
  const { heap } = await role.ask('memory');
  await role.stop();
  const seconds = ms / 1_000;
  const requests = sum([...counted.requests.values()]) / seconds;
  return { count, cpu: cpu / ms / 10, requests, inner: counted.inner / seconds, heap };
}

/**
 * Milliseconds from the instant at which all are due until all are in the queue.
 *
 * @param {Server} server
 * @param {number} count
 */
async function allDue(server, count) {
  await server.empty();
  const role = new RoleProcess('beat', server);
  const at = Date.now() + 8_000;
  await role.ask('start', { count, at });
  await until(async () => (await server.redis.zcard('bench:beat:{bench}:due')) === count);
  if (Date.now() > at) throw new Error('the entries were not written in time');
  await until(async () => (await server.redis.llen('bench:{default}:wait')) === count);
  const took = Date.now() - at;
  await role.stop();
  return took;
}

/**
 * How many requests it takes to act upon an entry.
 *
 * @param {Server} server
 * @param {number} count
 */
async function perEntry(server, count) {
  await server.empty();
  const role = new RoleProcess('beat', server);
  const due = 'bench:beat:{bench}:due';
  await role.ask('start', { count, at: Date.now() + 3_000 });
  await until(async () => (await server.redis.zcard(due)) === count);
  const log = await CommandLog.open(server.url);
  let own = 0;
  const { requests } = await log.during(
    () =>
      until(async () => {
        own += 1;
        return (await server.redis.zcard(due)) === 0;
      }),
    server.redis,
  );
  log.close();
  await role.stop();
  return (sum([...requests.values()]) - own) / count;
}

/**
 * Several beats of which one is killed every two seconds, each second time the one that sends.
 *
 * @param {Server} server
 * @param {number} seconds
 */
async function killed(server, seconds) {
  await server.empty();
  const worker = new RoleProcess('tick-worker', server);
  await worker.ask('start');
  const hire = async () => {
    const role = new RoleProcess('beat', server);
    return { role, id: await role.ask('start', { count: entries, every: '1s' }) };
  };
  const crew = await Promise.all(Array.from({ length: beats }, hire));
  await until(async () => (await worker.ask('tally', 1_000)).entries === entries);
  const end = Date.now() + seconds * 1_000;
  let [kills, leaders] = [0, 0];
  while (Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const lease = await server.redis.get('bench:beat:{bench}:lease');
    const leader = crew.findIndex(({ id }) => id === lease);
    const at = kills % 2 === 0 && leader >= 0 ? leader : kills % beats;
    kills += 1;
    if (at === leader) leaders += 1;
    await crew[at]?.role.kill();
    crew[at] = await hire();
  }
  // A last tick of each, after whatever the last kill held up.
  await new Promise((resolve) => setTimeout(resolve, 7_000));
  for (const { role } of crew) await role.stop();
  await until(async () => (await server.redis.llen('bench:{default}:wait')) === 0);
  const told = await worker.ask('tally', 1_000);
  await worker.stop();
  return { seconds, kills, leaders, ...told };
}

/** @param {() => Promise<boolean>} holds */
async function until(holds) {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited in vain until ${String(holds)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
