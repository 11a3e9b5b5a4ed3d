/** What a waiting task and a finished one take in Redis. */
// @ts-check
import { RoleProcess } from '../role-process.mjs';
import { sideNames, sides } from '../rounds.mjs';
import { digits } from '../text.mjs';

/** How many times what plain BullMQ needs: the id is longer, and the message says whom to answer. */
const most = 1.3;

/** @type {import('../bench.mjs').Scenario} */
export const bytes = {
  name: 'bytes',
  title: 'memory and keys in Redis',
  async run({ server, short }) {
    const tasks = short ? 2_000 : 10_000;
    const found = {
      dtask: await weigh(server, 'dtask', tasks),
      bullmq: await weigh(server, 'bullmq', tasks),
    };
    const ours = found.dtask;
    const ratio = ours.waiting / found.bullmq.waiting;
    return {
      data: found,
      tables: [
        {
          title: `${digits(tasks)} tasks with one number as argument, default options`,
          columns: ['', 'bytes waiting', 'keys waiting', 'bytes finished', 'keys finished'],
          rows: sides.map((side) => {
            const { waiting, waitingKeys, finished, finishedKeys } = found[side];
            return [
              sideNames[side],
              digits(waiting),
              digits(waitingKeys),
              digits(finished),
              digits(finishedKeys),
            ];
          }),
          note: 'For each task. Finished: what dtask keeps for resultExpires, and plain BullMQ for ever.',
        },
      ],
      bars: [
        {
          kind: 'count',
          text: `a waiting task takes at most ${most} times the bytes of plain BullMQ's job`,
          got: digits(ratio),
          met: ratio <= most,
        },
        {
          kind: 'count',
          text: 'one key for a waiting task',
          got: digits(ours.waitingKeys),
          met: ours.waitingKeys < 1.01,
        },
        {
          kind: 'count',
          text: 'one key for a finished task',
          got: digits(ours.finishedKeys),
          met: ours.finishedKeys < 1.01,
        },
      ],
    };
  },
};

/**
 * @param {import('../server.mjs').Server} server
 * @param {import('../rounds.mjs').Side} side
 * @param {number} tasks
 */
async function weigh(server, side, tasks) {
  await server.empty();
  const caller = new RoleProcess(`${side}-caller`, server);
  const worker = new RoleProcess(`${side}-worker`, server);
  // The queue's own keys are there before the tasks.
  await worker.ask('start', 50);
  const one = worker.ask('span', 1, 1);
  await caller.ask('send', 1, 1);
  await one;
  await worker.stop();
  const empty = await size(server);
  await caller.ask('send', tasks, 100);
  const full = await size(server);
  const next = new RoleProcess(`${side}-worker`, server);
  const all = next.ask('span', 1, tasks);
  await next.ask('start', 50);
  await all;
  await next.stop();
  const done = await size(server);
  await caller.stop();
  return {
    waiting: (full.bytes - empty.bytes) / tasks,
    waitingKeys: (full.keys - empty.keys) / tasks,
    finished: (done.bytes - empty.bytes) / tasks,
    finishedKeys: (done.keys - empty.keys) / tasks,
  };
}

/** @param {import('../server.mjs').Server} server */
async function size(server) {
  return { bytes: await server.memory(), keys: await server.redis.dbsize() };
}
