/** A worker and a caller of each side, up and warm. */
// @ts-check
import { RoleProcess } from './role-process.mjs';
import { sides } from './rounds.mjs';

/** @typedef {{ worker: RoleProcess, caller: RoleProcess }} Pair */

/**
 * Starts a worker and a caller of each side.
 *
 * @param {import('./server.mjs').Server} server
 * @param {{ concurrency: number, warmUp: number }} options `warmUp` is how many results each side gets first
 * @returns {Promise<{ pairs: Record<import('./rounds.mjs').Side, Pair>, end: () => Promise<void> }>}
 */
export async function startPairs(server, { concurrency, warmUp }) {
  const pairs = { dtask: pair(server, 'dtask'), bullmq: pair(server, 'bullmq') };
  await pairs.bullmq.caller.ask('listen');
  for (const side of sides) {
    await pairs[side].worker.ask('start', concurrency);
    await pairs[side].caller.ask('get', warmUp, 10);
  }
  const end = async () => {
    for (const side of sides) {
      await pairs[side].caller.stop();
      await pairs[side].worker.stop();
    }
  };
  return { pairs, end };
}

/**
 * @param {import('./server.mjs').Server} server
 * @param {import('./rounds.mjs').Side} side
 */
function pair(server, side) {
  return {
    worker: new RoleProcess(`${side}-worker`, server),
    caller: new RoleProcess(`${side}-caller`, server),
  };
}
