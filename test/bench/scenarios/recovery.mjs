/** How long the tasks of a killed worker wait to run again. */
// @ts-check
import { median } from '../numbers.mjs';
import { RoleProcess } from '../role-process.mjs';
import { digits, spread } from '../text.mjs';

const held = 10;
const limit = 15_000;

/** @type {import('../bench.mjs').Scenario} */
export const recovery = {
  name: 'recovery',
  title: 'one of two workers is killed with SIGKILL while it runs tasks',
  async run({ server, short }) {
    const rounds = short ? 1 : 5;
    // At a time, each under a prefix of its own; shifted, for how far the next look for dead workers is off is chance.
    const found = await Promise.all(
      Array.from({ length: rounds }, (_, round) => kill(server, `bench-${round}`, round * 400)),
    );
    const last = median(found.map((waits) => Math.max(...waits)));
    const again = Math.min(...found.map((waits) => waits.length));
    return {
      data: found,
      tables: [
        {
          title: `${held} tasks in the killed worker, default settings: seconds from the kill to their next run`,
          columns: ['', 'first task', 'last task'],
          rows: [
            [
              'dtask',
              spread(found.map((waits) => Math.min(...waits) / 1_000)),
              spread(found.map((waits) => Math.max(...waits) / 1_000)),
            ],
          ],
          note: `Median of ${rounds} kills (least - most). Plain BullMQ's defaults, a lock of 30 s looked at every 30 s, make it 30 to 60 s.`,
        },
      ],
      bars: [
        {
          kind: 'count',
          text: `all ${held} tasks run again`,
          got: String(again),
          met: again === held,
        },
        {
          kind: 'time',
          text: 'the last runs again within 10 s',
          got: `${digits(last / 1_000)} s`,
          met: last <= 10_000,
        },
      ],
    };
  },
};

/**
 * @param {import('../server.mjs').Server} server
 * @param {string} prefix
 * @param {number} shift
 * @returns {Promise<number[]>} for each task that ran again how long that took, in milliseconds
 */
async function kill(server, prefix, shift) {
  const place = { url: server.url, prefix };
  const victim = new RoleProcess('crash-worker', place);
  await victim.ask('start');
  await victim.ask('send', held);
  await starts(server, prefix, held);
  const heir = new RoleProcess('crash-worker', place);
  await heir.ask('start');
  await new Promise((resolve) => setTimeout(resolve, shift));
  await victim.kill();
  const killed = Date.now();
  const all = await starts(server, prefix, held * 2);
  await heir.kill();
  return all.filter((start) => start.try === 2).map(({ at }) => at - killed);
}

/**
 * Waits until so many runs have started, or the time is over.
 *
 * @param {import('../server.mjs').Server} server
 * @param {string} prefix
 * @param {number} count
 * @returns {Promise<{ id: string, try: number, at: number }[]>}
 */
async function starts({ redis }, prefix, count) {
  const until = Date.now() + limit;
  for (;;) {
    const lines = await redis.lrange(`${prefix}:starts`, 0, -1);
    if (lines.length >= count || Date.now() > until) return lines.map((line) => JSON.parse(line));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
