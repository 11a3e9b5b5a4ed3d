/** What becomes of tasks whose children and workers are killed all the while. */
// @ts-check
import { median } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { digits } from '../text.mjs';

/** Time between two kills, in milliseconds. */
const pace = 500;

/** @typedef {{ id: string, worker: number, child: number, at: number }} Start */

/** @type {import('../bench.mjs').Scenario} */
export const kill = {
  name: 'kill',
  title: 'two workers with processes, of which a child or the worker is killed every 500 ms',
  async run({ server, short }) {
    const tasks = short ? 600 : 5_000;
    const caller = new RoleProcess('pool-caller', server);
    const workers = [await startWorker(server), await startWorker(server)];
    await caller.ask('sendNoted', tasks);
    const began = performance.now();
    let going = true;
    const kills = keepKilling(server, workers, () => going);
    const right = await caller.ask('noted');
    going = false;
    const { workersKilled, childrenKilled } = await kills;
    const seconds = (performance.now() - began) / 1_000;
    const starts = /** @type {Start[]} */ (
      (await server.redis.lrange('bench:starts', 0, -1)).map((line) => JSON.parse(line))
    );
    const ended = await server.redis.lrange('bench:ends', 0, -1);
    const recoveries = recoveriesOf(starts, workersKilled);
    const last = median(recoveries) / 1_000;
    await caller.stop();
    for (const worker of workers) await worker.stop();
    return {
      data: { right, starts: starts.length, recoveries },
      tables: [
        {
          title: `${digits(tasks)} tasks of 5 to 50 ms, default settings`,
          columns: ['', ''],
          rows: [
            ['right results', String(right)],
            ['children killed', String(childrenKilled)],
            ['workers killed', String(workersKilled.size)],
            ['runs that were cut short', String(starts.length - ended.length)],
            ['tasks that ended twice', String(ended.length - new Set(ended).size)],
            [
              "seconds until a killed worker's task ran again",
              `${digits(last)} (${digits(Math.max(...recoveries) / 1_000)} at most)`,
            ],
            ['seconds in all', digits(seconds)],
          ],
        },
      ],
      bars: [
        {
          kind: 'count',
          text: 'every task ends with the right result',
          got: `${right} of ${tasks}`,
          met: right === tasks,
        },
        {
          kind: 'time',
          text: 'the tasks of a killed worker run again within 8 s',
          got: `${digits(last)} s`,
          met: !(last > 8),
        },
      ],
    };
  },
};

/** @param {import('../server.mjs').Server} server */
async function startWorker(server) {
  const worker = new RoleProcess('pool-worker', server);
  await worker.ask('start', 'processes', 2);
  return worker;
}

/**
 * Kills a child twice, then a worker, and so on.
 *
 * @param {import('../server.mjs').Server} server
 * @param {RoleProcess[]} workers
 * @param {() => boolean} going
 */
async function keepKilling(server, workers, going) {
  /** @type {Map<number, number>} the time of each worker's death, by its pid */
  const workersKilled = new Map();
  let childrenKilled = 0;
  for (let turn = 1; going(); turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, pace));
    const at = Math.floor(Math.random() * workers.length);
    const worker = /** @type {RoleProcess} */ (workers[at]);
    if (turn % 3 === 0) {
      const pid = await worker.ask('pid');
      await worker.kill();
      workersKilled.set(pid, Date.now());
      workers[at] = await startWorker(server);
    } else {
      const children = await worker.ask('children');
      const child = children[Math.floor(Math.random() * children.length)];
      if (child === undefined) continue;
      process.kill(child, 'SIGKILL');
      childrenKilled += 1;
    }
  }
  return { workersKilled, childrenKilled };
}

/**
 * How long the tasks of killed workers waited to run again, in milliseconds.
 *
 * @param {readonly Start[]} starts
 * @param {ReadonlyMap<number, number>} killed
 */
function recoveriesOf(starts, killed) {
  /** @type {Map<string, Start>} */
  const last = new Map();
  const waits = [];
  for (const start of starts) {
    const died = killed.get(last.get(start.id)?.worker ?? 0);
    if (died !== undefined && start.at > died) waits.push(start.at - died);
    last.set(start.id, start);
  }
  return waits.length > 0 ? waits : [0];
}
