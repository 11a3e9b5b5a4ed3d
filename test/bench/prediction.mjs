/** What so many shards do, from what a task costs: a simulation of their load. */
// @ts-check
import { randomUUID } from 'node:crypto';
import { shardOf } from '@dtask/core/internal';

/**
 * @typedef {object} Costs of a task, in µs of CPU
 * @property {number} redis
 * @property {number} worker
 * @property {number} caller
 *
 * @typedef {object} Prediction
 * @property {number} count of shards
 * @property {number} rate tasks a second, when the fullest shard has a whole core
 * @property {number} ideal the same if all shards were equally full
 * @property {number} fullest load of the fullest shard in shares
 * @property {number} workers how many processes that takes, with a core each
 * @property {number} callers
 * @property {number} chains of three steps a second, whose steps are wherever their ids say
 */

/** Above this share of its core, the queue in front of a server grows faster than its work. */
const busy = 0.8;
/** Tasks of a shard in one second at full load: so many are drawn. */
const drawn = 10_000;
/** What a step costs its shard more than a plain task: the look for its end, and the longer message. */
const stepFactor = 1.25;

/**
 * Draws a second's ids, and puts each on its shard.
 *
 * @param {Costs} costs
 * @param {number} count
 * @returns {Prediction}
 */
export function predict(costs, count) {
  const load = loadOf(count);
  const fullest = Math.max(...load) / (sumOf(load) / count);
  const ideal = (count * busy * 1e6) / costs.redis;
  const rate = ideal / fullest;
  return {
    count,
    rate,
    ideal,
    fullest,
    workers: (rate * costs.worker) / (busy * 1e6),
    callers: (rate * costs.caller) / (busy * 1e6),
    chains: rate / (3 * stepFactor),
  };
}

/** @param {number} count */
function loadOf(count) {
  const load = new Uint32Array(count);
  for (let task = 0; task < drawn * count; task += 1) {
    const shard = shardOf(randomUUID(), count);
    load[shard] = (load[shard] ?? 0) + 1;
  }
  return load;
}

const sumOf = (/** @type {Uint32Array} */ load) => load.reduce((total, one) => total + one, 0);
