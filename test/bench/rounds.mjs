/** Runs both sides in turns: what slows the machine for a while slows both. */
// @ts-check

/** @typedef {'dtask' | 'bullmq'} Side */
/** @type {readonly Side[]} */
export const sides = ['dtask', 'bullmq'];

/** @type {Readonly<Record<Side, string>>} */
export const sideNames = { dtask: 'dtask', bullmq: 'plain BullMQ' };

/** With so many rounds a median means something. */
const fewest = 3;

/**
 * Measures `rounds` times, each side once in each round, the other one first every second time.
 * A busy machine gets through fewer rounds in `budget` seconds.
 *
 * @template T
 * @param {{ rounds: number, budget: number }} limits
 * @param {(side: Side, round: number) => Promise<T>} measure
 * @returns {Promise<Record<Side, T[]>>}
 */
export async function inTurns({ rounds, budget }, measure) {
  const end = performance.now() + budget * 1_000;
  /** @type {Record<Side, T[]>} */
  const found = { dtask: [], bullmq: [] };
  for (let round = 0; round < rounds; round += 1) {
    if (round >= fewest && performance.now() > end) break;
    for (const side of round % 2 === 0 ? sides : [...sides].reverse())
      found[side].push(await measure(side, round));
  }
  return found;
}
