/**
 * The Poisson bootstrap: each record takes part in each replicate a random number of times, drawn
 * from a Poisson distribution of mean 1.
 *
 * A record's draws depend on its number alone, so chunks can be resampled anywhere, in any order
 * and more than once, and their integer sums still add up to the same.
 */

/** Below the n-th of these 32-bit numbers, a draw is at most n. */
const thresholds = poissonThresholds();

/**
 * Adds one record to every replicate.
 *
 * @param record its number in the file, which seeds its draws
 * @param weights how many times records took part, per replicate
 * @param sums their delays, per replicate
 */
export function resample(
  record: number,
  delay: number,
  weights: Int32Array,
  sums: Int32Array,
): void {
  let state = scramble(record);
  for (let replicate = 0; replicate < weights.length; replicate += 1) {
    state = (state + 0x6d2b79f5) | 0;
    const weight = poisson(mulberry(state));
    weights[replicate] = (weights[replicate] ?? 0) + weight;
    sums[replicate] = (sums[replicate] ?? 0) + weight * delay;
  }
}

/** The output step of the generator mulberry32: 32 random bits. */
function mulberry(state: number): number {
  let bits = Math.imul(state ^ (state >>> 15), state | 1);
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
  return (bits ^ (bits >>> 14)) >>> 0;
}

/** Neighbouring records must not get neighbouring streams (the finalizer of MurmurHash3). */
function scramble(seed: number): number {
  let bits = Math.imul(seed ^ (seed >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

function poisson(bits: number): number {
  let draw = 0;
  while (bits >= (thresholds[draw] ?? Number.POSITIVE_INFINITY)) draw += 1;
  return draw;
}

function poissonThresholds(): readonly number[] {
  let probability = Math.exp(-1);
  let total = 0;
  return Array.from({ length: 12 }, (_, draw) => {
    if (draw > 0) probability /= draw;
    total += probability;
    return Math.floor(total * 2 ** 32);
  });
}
