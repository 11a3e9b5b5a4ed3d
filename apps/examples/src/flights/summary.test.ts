/** Chunks, in any order, add up to exactly what one process computes; and a difference does not go unseen. */
import { describe, expect, it } from 'vitest';
import { type DatasetName, loadFlights } from './flights-data.js';
import { firstDifference, statisticsOf } from './statistics.js';
import { addFlights, merge, type Summaries } from './summary.js';

const flightsUsed = 4_000;

function whole(name: DatasetName): Summaries {
  const groups: Summaries = new Map();
  addFlights(groups, name, loadFlights(name), 0, flightsUsed);
  return groups;
}

function inChunks(name: DatasetName, size: number): Summaries[] {
  const chunks: Summaries[] = [];
  for (let from = 0; from < flightsUsed; from += size) {
    const groups: Summaries = new Map();
    addFlights(groups, name, loadFlights(name), from, Math.min(flightsUsed, from + size));
    chunks.push(groups);
  }
  return chunks;
}

describe.each(['times', 'origins'] as const)('the flights by %s', (name) => {
  it('give the same numbers in chunks, merged in any order, as in one pass', () => {
    const expected = statisticsOf(whole(name));
    const chunks = inChunks(name, 700);
    for (const order of [chunks, chunks.toReversed()]) {
      const merged: Summaries = new Map();
      for (const chunk of order) merge(merged, chunk);
      expect(firstDifference(statisticsOf(merged), expected)).toBeUndefined();
    }
  });

  it('a chunk that is missing, or counted twice, is seen', () => {
    const expected = statisticsOf(whole(name));
    const chunks = inChunks(name, 1_000);
    for (const wrong of [chunks.slice(1), [...chunks, ...chunks.slice(0, 1)]]) {
      const merged: Summaries = new Map();
      for (const chunk of wrong) merge(merged, chunk);
      expect(firstDifference(statisticsOf(merged), expected)).toBeDefined();
    }
  });
});

it('a number that differs in its last bit is a difference', () => {
  const [right, wrong] = [statisticsOf(whole('origins')), statisticsOf(whole('origins'))];
  const [group = '', statistics] = [...wrong][0] ?? [];
  wrong.set(group, { ...statistics!, mean: statistics!.mean * (1 + Number.EPSILON) });
  expect(firstDifference(wrong, right)).toMatchObject({ group, what: 'mean' });
});

it('the statistics of a handful of delays are those of the textbook', () => {
  const summary = {
    delays: new Map([
      [30, 1],
      [-5, 2],
      [10, 1],
    ]),
    weights: new Int32Array(0),
    sums: new Int32Array(0),
  };
  const found = statisticsOf(new Map([['few', summary]])).get('few');
  expect(found).toMatchObject({
    flights: 4,
    mean: 7.5,
    least: -5,
    median: 2.5,
    most: 30,
    late: 0.25,
  });
  expect(found?.deviation).toBeCloseTo(16.583, 3);
  expect(found?.low).toBeNaN();
});
