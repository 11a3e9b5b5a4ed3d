/** Whether a long queue is slower than a short one. */
// @ts-check
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median, pairedRatio } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { digits, spread } from '../text.mjs';

const run = promisify(execFile);
const command = fileURLToPath(new URL('../../../apps/dtask/dist/cli.js', import.meta.url));
const app = fileURLToPath(new URL('../roles/dtask-app.mjs', import.meta.url));

/** How much slower the long queue may be. */
const most = 1.2;
/** Tasks before the clock runs, for the compiler's sake. */
const warmUp = 4_000;
/** How many calls are sent by one request to the caller's process. */
const portion = 100_000;

/** @typedef {{ send: number, execute: number, status: number }} Rates calls/s, tasks/s, ms */

/** @type {import('../bench.mjs').Scenario} */
export const backlog = {
  name: 'backlog',
  title: 'a queue of 1,000 and one of 1,000,000 waiting tasks',
  async run({ server, short }) {
    const timed = short ? 1_000 : 12_000;
    const lengths = short ? [100, 10_000] : [1_000, 1_000_000];
    const stages = [];
    for (const length of lengths)
      stages.push({ url: server.url, prefix: `backlog${length}`, length });
    /** @type {Rates[][]} */
    const found = lengths.map(() => []);
    for (let round = 0; round < (short ? 1 : 5); round += 1) {
      const order = round % 2 === 0 ? [0, 1] : [1, 0];
      for (const at of order) {
        const stage = stages[at];
        if (stage) found[at]?.push(await measure(server, stage, timed));
      }
    }
    const of = (/** @type {number} */ at, /** @type {keyof Rates} */ what) =>
      (found[at] ?? []).map((rates) => rates[what]);
    const slower = {
      send: pairedRatio(of(0, 'send'), of(1, 'send')),
      execute: pairedRatio(of(0, 'execute'), of(1, 'execute')),
      status: pairedRatio(of(1, 'status'), of(0, 'status')),
    };
    const names = { send: 'delay()', execute: 'executing', status: 'dtask status' };
    return {
      data: { lengths, found },
      tables: [
        {
          title: `${digits(timed)} calls sent to, and as many tasks executed from a queue that stays so long`,
          columns: ['waiting', 'calls/s', 'tasks/s', 'dtask status ms'],
          rows: lengths.map((length, at) => [
            digits(length),
            spread(of(at, 'send')),
            spread(of(at, 'execute')),
            spread(of(at, 'status')),
          ]),
        },
      ],
      bars: /** @type {const} */ (['send', 'execute', 'status']).map((what) => ({
        kind: 'time',
        text: `${names[what]} with the long queue takes at most ${most} times as long`,
        got: digits(slower[what]),
        met: slower[what] <= most,
      })),
    };
  },
};

/** @typedef {{ prefix: string, url: string, length: number }} Stage a queue of its own, in the same Redis */

/**
 * Sends as many calls as a queue lacks.
 *
 * @param {import('../server.mjs').Server} server
 * @param {Stage} stage
 */
async function fill({ redis }, stage) {
  const waiting = await redis.llen(`${stage.prefix}:{default}:wait`);
  const caller = new RoleProcess('dtask-caller', stage);
  for (let missing = stage.length - waiting; missing > 0; missing -= portion)
    await caller.ask('send', Math.min(portion, missing), 256);
  await caller.stop();
}

/**
 * @param {import('../server.mjs').Server} server
 * @param {Stage} stage
 * @param {number} timed
 * @returns {Promise<Rates>}
 */
async function measure(server, stage, timed) {
  await fill(server, stage);
  const caller = new RoleProcess('dtask-caller', stage);
  await caller.ask('send', warmUp, 100);
  const sent = await caller.ask('send', timed, 100);
  await caller.stop();
  const worker = new RoleProcess('dtask-worker', stage);
  const span = worker.ask('span', warmUp, warmUp + timed);
  await worker.ask('start', 50);
  const executed = await span;
  await worker.stop();
  return {
    send: (sent.tasks / sent.ms) * 1_000,
    execute: (executed.tasks / executed.ms) * 1_000,
    status: await timeStatus(stage),
  };
}

/**
 * The median of some runs of the command.
 *
 * @param {Stage} stage
 */
async function timeStatus({ url, prefix }) {
  const env = { ...process.env, BENCH_REDIS: url, BENCH_PREFIX: prefix };
  const times = [];
  // A worker that answers, and takes nothing of the queue.
  const worker = new RoleProcess('dtask-worker', { url, prefix });
  await worker.ask('start', 1, { queues: ['idle'] });
  for (let turn = 0; turn < 3; turn += 1) {
    const began = performance.now();
    await run(process.execPath, [command, 'status', '-A', app], { env });
    times.push(performance.now() - began);
  }
  await worker.stop();
  return median(times);
}
