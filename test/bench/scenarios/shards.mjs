/** How the work is spread over 1, 2 and 4 servers, what it costs each, and what follows for more. */
// @ts-check
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { median, sum } from '../numbers.mjs';
import { predict } from '../prediction.mjs';
import { RoleProcess } from '../role-process.mjs';
import { Server } from '../server.mjs';
import { digits } from '../text.mjs';

/** Tasks that run before the clock does. */
const warmUp = 4_000;
const concurrency = 50;
/** How many shards, and whether each has a worker of its own. */
const casts = [
  { count: 1, apart: false },
  { count: 2, apart: false },
  { count: 4, apart: false },
  { count: 4, apart: true },
];
const predicted = [1, 2, 4, 16, 256];

/** @type {import('../bench.mjs').Scenario} */
export const shards = {
  name: 'shards',
  title: 'tasks over several Redis servers',
  async run({ short }) {
    const tasks = short ? 8_000 : 24_000;
    const found = [];
    for (const cast of casts) {
      const rounds = [];
      for (let round = 0; round < (short ? 1 : 3); round += 1)
        rounds.push(await drain(cast, tasks));
      found.push({ ...cast, rounds });
    }
    const [one] = found;
    const costs = costsOf(one?.rounds ?? []);
    const simulated = predicted.map((count) => predict(costs, count));
    const worst = Math.max(
      ...found.map(({ rounds }) => median(rounds.map(({ fullest }) => fullest))),
    );
    const requests = (/** @type {number} */ at) =>
      median((found[at]?.rounds ?? []).map(({ commands }) => commands));
    const more = requests(found.length - 1) / requests(0);
    return {
      data: { found, costs, simulated },
      tables: [measuredTable(found, tasks), predictedTable(simulated, costs)],
      bars: [
        {
          kind: 'count',
          text: 'the fullest shard has at most 1.1 of its share',
          got: digits(worst),
          met: worst <= 1.1,
        },
        {
          kind: 'count',
          text: 'requests a task over 4 servers, with a worker each, at most 1.1 of those over one',
          got: digits(more),
          met: more <= 1.1,
        },
      ],
    };
  },
};

/**
 * @typedef {object} Round
 * @property {number} rate tasks a second
 * @property {number} redis CPU of all shards a task, in µs
 * @property {number} main CPU of the main server a task, in µs
 * @property {number} worker CPU of the worker a task, in µs
 * @property {number} caller CPU of the caller a task, in µs
 * @property {number} commands requests of all shards a task
 * @property {number} fullest what the fullest shard has of its share
 * @property {number} connections of the worker and the caller, to all servers
 */

/**
 * @param {{ count: number, apart: boolean }} cast
 * @param {number} tasks
 * @returns {Promise<Round>}
 */
async function drain({ count, apart }, tasks) {
  const servers = await Promise.all(Array.from({ length: count + 1 }, () => Server.start()));
  const [main, ...parts] = /** @type {[Server, ...Server[]]} */ (servers);
  const place = { url: main.url, shards: parts.map(({ url }) => url).join(',') };
  try {
    const caller = new RoleProcess('dtask-caller', place);
    const start = await reading(main, parts);
    const sent = await caller.ask('sendCosts', tasks, 256);
    const waiting = await Promise.all(parts.map((part) => waitingOn(part)));
    const workers = Array.from(
      { length: apart ? count : 1 },
      () => new RoleProcess('dtask-worker', place),
    );
    const share = tasks / workers.length;
    // One that has a shard to itself may have less than its share.
    const until = apart ? Math.floor(share * 0.95) : share;
    const spans = workers.map((worker) => worker.ask('span', warmUp / workers.length, until));
    await Promise.all(
      workers.map((worker, at) =>
        worker.ask('start', Math.ceil(concurrency / workers.length), {
          name: `worker-${at}`,
          ...(apart && { onlyShards: [String(at)] }),
        }),
      ),
    );
    const timed = await Promise.all(spans);
    await emptied(parts);
    const end = await reading(main, parts);
    const connections = sum(await Promise.all(servers.map((one) => clientsOf(one))));
    await Promise.all(workers.map((worker) => worker.stop()));
    await caller.stop();
    return {
      rate: sum(timed.map((span) => (span.tasks / span.ms) * 1_000)),
      redis: (end.cpu - start.cpu) / tasks,
      main: (end.main - start.main) / tasks,
      worker: sum(timed.map((span) => span.cpu)) / sum(timed.map((span) => span.tasks)),
      caller: sent / tasks,
      commands: (end.commands - start.commands) / tasks,
      fullest: Math.max(...waiting) / (tasks / count),
      connections,
    };
  } finally {
    await Promise.all(servers.map((one) => one.stop()));
  }
}

/**
 * @param {Server} main
 * @param {readonly Server[]} parts
 */
async function reading(main, parts) {
  const cpus = await Promise.all(parts.map((part) => part.cpu()));
  const commands = await Promise.all(parts.map((part) => part.requests()));
  return { cpu: sum(cpus), main: await main.cpu(), commands: sum(commands) };
}

/** Waits until no task is left. @param {readonly Server[]} parts */
async function emptied(parts) {
  for (const part of parts) {
    while ((await waitingOn(part)) > 0 || (await part.redis.llen('bench:{default}:active')) > 0)
      await pause(20);
  }
}

/** @param {Server} server */
const waitingOn = (server) => server.redis.llen('bench:{default}:wait');

/** Its own one is not counted. @param {Server} server */
async function clientsOf(server) {
  if (server.redis.status !== 'ready') await once(server.redis, 'ready');
  const clients = String(await server.redis.client('LIST'));
  return clients.split('\n').filter((line) => line.includes('name=dtask:')).length;
}

/** @param {readonly Round[]} rounds */
const costsOf = (rounds) => ({
  redis: median(rounds.map(({ redis }) => redis)),
  worker: median(rounds.map(({ worker }) => worker)),
  caller: median(rounds.map(({ caller }) => caller)),
});

/**
 * @param {readonly { count: number, apart: boolean, rounds: readonly Round[] }[]} found
 * @param {number} tasks
 */
function measuredTable(found, tasks) {
  const columns = /** @type {const} */ ([
    'rate',
    'redis',
    'main',
    'worker',
    'caller',
    'commands',
    'fullest',
    'connections',
  ]);
  return {
    title: `${digits(tasks)} no-op tasks from full queues, one worker but where it says so, concurrency ${concurrency} in all, results kept`,
    columns: [
      'shards',
      'tasks/s',
      'Redis µs/task',
      'main µs/task',
      'worker µs/task',
      'caller µs/task',
      'requests/task',
      'fullest / share',
      'connections',
    ],
    rows: found.map(({ count, apart, rounds }) => [
      apart ? `${count}, a worker each` : String(count),
      ...columns.map((column) => digits(median(rounds.map((round) => round[column])))),
    ]),
    note: 'On a machine with fewer cores than processes the rate says nothing of shards; the CPU a task does.',
  };
}

/**
 * @param {readonly import('../prediction.mjs').Prediction[]} simulated
 * @param {import('../prediction.mjs').Costs} costs
 */
function predictedTable(simulated, costs) {
  return {
    title: `what that predicts, with a core for each process: ${digits(costs.redis)} µs of Redis, ${digits(costs.worker)} of a worker and ${digits(costs.caller)} of a caller for each task`,
    columns: [
      'shards',
      'tasks/s',
      'of the ideal',
      'fullest / share',
      'workers',
      'callers',
      'chains of 3/s',
    ],
    rows: simulated.map(({ count, rate, ideal, fullest, workers, callers, chains }) => [
      String(count),
      digits(rate),
      digits(rate / ideal),
      digits(fullest),
      digits(workers),
      digits(callers),
      digits(chains),
    ]),
    note: 'Simulated: ids are drawn and hashed, and each shard works off its own; the fullest ends last.',
  };
}
