/** The statistics of a group of flights, computed from its whole-number summary. */
import type { Summaries, Summary } from './summary.js';

/** Delays beyond this many minutes count as late, as the US Bureau of Transportation Statistics has it. */
const lateAfter = 15;

/** What is known of a group's delays, in minutes. */
export interface Statistics {
  readonly flights: number;
  readonly mean: number;
  /** The ends of the 95 % confidence interval of the mean; NaN where it was not resampled. */
  readonly low: number;
  readonly high: number;
  readonly deviation: number;
  readonly least: number;
  readonly median: number;
  readonly most: number;
  /** The share of flights more than 15 minutes late. */
  readonly late: number;
}

/** Computes the statistics of every group. */
export function statisticsOf(summaries: Summaries): Map<string, Statistics> {
  return new Map([...summaries].map(([group, summary]) => [group, describe(summary)]));
}

function describe({ delays, weights, sums }: Summary): Statistics {
  const steps = [...delays].sort(([a], [b]) => a - b);
  const flights = total(steps, () => 1);
  const sum = total(steps, (delay) => delay);
  const squares = total(steps, (delay) => delay * delay);
  const means = [...sums]
    .map((drawn, replicate) => drawn / (weights[replicate] ?? 0))
    .sort((a, b) => a - b);
  return {
    flights,
    mean: sum / flights,
    low: means[Math.floor(means.length * 0.025)] ?? Number.NaN,
    high: means[Math.ceil(means.length * 0.975) - 1] ?? Number.NaN,
    deviation: flights > 1 ? Math.sqrt((squares - (sum * sum) / flights) / (flights - 1)) : 0,
    least: steps[0]?.[0] ?? Number.NaN,
    median: (nth(steps, Math.ceil(flights / 2)) + nth(steps, Math.floor(flights / 2) + 1)) / 2,
    most: steps.at(-1)?.[0] ?? Number.NaN,
    late: total(steps, (delay) => (delay > lateAfter ? 1 : 0)) / flights,
  };
}

type Step = readonly [delay: number, count: number];

const total = (steps: readonly Step[], of: (delay: number) => number): number =>
  steps.reduce((sofar, [delay, count]) => sofar + of(delay) * count, 0);

/** The n-th smallest delay, from 1. */
function nth(steps: readonly Step[], rank: number): number {
  let seen = 0;
  return steps.find(([, count]) => (seen += count) >= rank)?.[0] ?? Number.NaN;
}

/** A number that two computations disagree on. */
export interface Difference {
  readonly group: string;
  readonly what: string;
  readonly got: number | undefined;
  readonly expected: number | undefined;
}

/** Finds the first number that is not exactly the same, not even in its last bit. */
export function firstDifference(
  got: ReadonlyMap<string, Statistics>,
  expected: ReadonlyMap<string, Statistics>,
): Difference | undefined {
  for (const group of new Set([...expected.keys(), ...got.keys()])) {
    const [mine, theirs] = [got.get(group), expected.get(group)];
    for (const what of Object.keys(mine ?? theirs ?? {}) as (keyof Statistics)[]) {
      if (!Object.is(mine?.[what], theirs?.[what]))
        return { group, what, got: mine?.[what], expected: theirs?.[what] };
    }
  }
  return undefined;
}
