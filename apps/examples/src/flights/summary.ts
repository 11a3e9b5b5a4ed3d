/** What is kept of a group of flights: whole numbers alone, so that parts add up exactly in any order. */
import { datasets, type DatasetName, type Flight } from './flights-data.js';
import { resample } from './resample.js';

/** A group of flights, or a part of one. It travels from worker to caller as it is. */
export interface Summary {
  /** How many flights had each delay, in minutes. */
  readonly delays: Map<number, number>;
  /** Per bootstrap replicate: how many flights it drew, and the sum of their delays. */
  readonly weights: Int32Array;
  readonly sums: Int32Array;
}

/** Summaries by group. */
export type Summaries = Map<string, Summary>;

/** Adds the flights with the numbers `from` up to `to` to their groups. */
export function addFlights(
  into: Summaries,
  name: DatasetName,
  flights: readonly Flight[],
  from: number,
  to: number,
): void {
  const { groupOf, replicates } = datasets[name];
  for (const [offset, flight] of flights.slice(from, to).entries()) {
    const { delays, weights, sums } = summaryOf(into, groupOf(flight), replicates);
    delays.set(flight.delay, (delays.get(flight.delay) ?? 0) + 1);
    if (replicates > 0) resample(from + offset, flight.delay, weights, sums);
  }
}

/** Adds the summaries of one part to those of the whole. */
export function merge(into: Summaries, part: Summaries): void {
  for (const [group, summary] of part) {
    const whole = summaryOf(into, group, summary.weights.length);
    for (const [delay, count] of summary.delays)
      whole.delays.set(delay, (whole.delays.get(delay) ?? 0) + count);
    addEach(whole.weights, summary.weights);
    addEach(whole.sums, summary.sums);
  }
}

function summaryOf(summaries: Summaries, group: string, replicates: number): Summary {
  const known = summaries.get(group);
  if (known) return known;
  const fresh: Summary = {
    delays: new Map(),
    weights: new Int32Array(replicates),
    sums: new Int32Array(replicates),
  };
  summaries.set(group, fresh);
  return fresh;
}

function addEach(into: Int32Array, part: Int32Array): void {
  for (const [at, value] of part.entries()) into[at] = (into[at] ?? 0) + value;
}
