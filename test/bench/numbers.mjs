/** Medians, quantiles and spreads. Pure. */
// @ts-check

/**
 * The value below which a part of the values lies.
 *
 * @param {readonly number[]} values
 * @param {number} part 0 to 1
 */
export function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** @param {readonly number[]} values */
export const median = (values) => quantile(values, 0.5);

/**
 * The median of what one side reached in relation to the other in the same round: what slows the
 * machine for a while slows both.
 *
 * @param {readonly number[]} ours
 * @param {readonly number[]} theirs
 */
export const pairedRatio = (ours, theirs) =>
  median(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)));

/**
 * How much y grows with x: the slope of the line of least squares.
 *
 * @param {readonly { x: number, y: number }[]} points
 */
export function slope(points) {
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  const over = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0);
  return over / points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
}

/** @param {readonly number[]} values */
export const sum = (values) => values.reduce((total, value) => total + value, 0);
