/** How many tasks a second Celery gets done on the same server, where it is installed. */
// @ts-check
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from '../numbers.mjs';
import { RoleProcess, track } from '../role-process.mjs';
import { digits, spread } from '../text.mjs';

const run = promisify(execFile);
/** Debian's is not the first on PATH everywhere. */
const pythons = ['/usr/bin/python3', 'python3'];
const folder = fileURLToPath(new URL('../roles/', import.meta.url));
/** Its pools, each as it does best with two cores. */
const pools = [
  ['prefork, 2 processes', '--pool=prefork', '--concurrency=2'],
  ['solo', '--pool=solo'],
  ['threads, 10', '--pool=threads', '--concurrency=10'],
];
/** Longest that Celery may take for its tasks, in milliseconds. */
const patience = 120_000;

/** @type {import('../bench.mjs').Scenario} */
export const celery = {
  name: 'celery',
  title: 'tasks from a full queue against Celery',
  async run({ server, short }) {
    const python = await findPython();
    if (!python) return missing();
    const tasks = short ? 600 : 6_000;
    const rounds = short ? 1 : 3;
    /** @type {Map<string, number[]>} */
    const theirs = new Map();
    /** @type {number[]} */
    const ours = [];
    for (let round = 0; round < rounds; round += 1) {
      ours.push(await drain(server, tasks * 6));
      for (const [name = '', ...flags] of pools)
        theirs.set(name, [
          ...(theirs.get(name) ?? []),
          await drainCelery(server, python, flags, tasks),
        ]);
    }
    const best = Math.max(...[...theirs.values()].map(median));
    const ratio = median(ours) / best;
    return {
      data: { ours, theirs: Object.fromEntries(theirs) },
      tables: [
        {
          title: `No-op tasks, results kept in Redis by both; Celery ${python.version}`,
          columns: ['', 'tasks/s'],
          rows: [
            ['dtask, one worker process', spread(ours)],
            ...[...theirs].map(([name, rates]) => [`Celery, ${name}`, spread(rates)]),
          ],
        },
      ],
      bars: [
        {
          kind: 'time',
          text: "at least 8 times the tasks/s of Celery's fastest pool",
          got: digits(ratio),
          met: ratio >= 8,
        },
      ],
    };
  },
};

/** @typedef {{ path: string, version: string }} Python */

/** @returns {Promise<Python | undefined>} */
async function findPython() {
  for (const path of pythons) {
    const code = 'import celery, redis; print(celery.__version__)';
    const found = await run(path, ['-c', code]).catch(() => undefined);
    if (found) return { path, version: found.stdout.trim() };
  }
  return undefined;
}

/** @returns {import('../bench.mjs').Findings} */
const missing = () => ({
  data: undefined,
  tables: [
    {
      title: 'Skipped: no Python here has Celery (apt-get install python3-celery python3-redis)',
      columns: [],
      rows: [],
    },
  ],
  bars: [],
});

/**
 * @param {import('../server.mjs').Server} server
 * @param {number} tasks
 */
async function drain(server, tasks) {
  await server.empty();
  const caller = new RoleProcess('dtask-caller', server);
  await caller.ask('send', tasks, 256);
  await caller.stop();
  const worker = new RoleProcess('dtask-worker', server);
  const span = worker.ask('span', Math.floor(tasks / 6), tasks);
  await worker.ask('start', 50);
  const { tasks: timed, ms } = await span;
  await worker.stop();
  return (timed / ms) * 1_000;
}

/**
 * @param {import('../server.mjs').Server} server
 * @param {Python} python
 * @param {string[]} flags
 * @param {number} tasks
 */
async function drainCelery(server, { path }, flags, tasks) {
  await server.empty();
  const env = { ...process.env, BENCH_REDIS: server.url };
  await run(path, ['celery_app.py', String(tasks)], { cwd: folder, env });
  const args = ['-m', 'celery', '-A', 'celery_app', 'worker', '--loglevel=ERROR', ...flags];
  const worker = spawn(path, args, { cwd: folder, env, stdio: 'ignore' });
  track(worker);
  try {
    // A result is a key. There are a few others, which are no matter among thousands.
    const began = await reached(server, Math.floor(tasks / 6));
    const ended = await reached(server, tasks);
    return ((ended.keys - began.keys) / (ended.at - began.at)) * 1_000;
  } finally {
    const gone = once(worker, 'exit');
    // Its children end with it only where it is asked to end.
    worker.kill('SIGTERM');
    await gone;
  }
}

/**
 * Waits until a server has so many keys.
 *
 * @param {import('../server.mjs').Server} server
 * @param {number} count
 */
async function reached(server, count) {
  const end = performance.now() + patience;
  for (;;) {
    const keys = await server.redis.dbsize();
    const at = performance.now();
    if (keys >= count) return { at, keys };
    if (at > end) throw new Error(`Celery has ${keys} of ${count} results`);
    await setTimeout(10);
  }
}
