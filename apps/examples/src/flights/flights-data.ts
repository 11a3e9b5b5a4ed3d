/** The flight records of the npm package vega-datasets, and the groups that they fall into. */
import { readFileSync } from 'node:fs';

/** What every record has. Delays are in minutes, negative when early; distances in miles. */
export interface Flight {
  readonly delay: number;
  readonly distance: number;
}

/** A record of flights-200k.json. Its 200,000 records do not say where a flight started. */
interface TimedFlight extends Flight {
  /** Departure in hours since midnight. */
  readonly time: number;
}

/** A record of flights-20k.json, the largest JSON file of the package that has the origin. */
interface RoutedFlight extends Flight {
  /** Airport code, such as `DFW`. */
  readonly origin: string;
}

/** A file of records and how they are grouped. */
export interface Dataset {
  readonly file: string;
  readonly records: number;
  /** How often each group is resampled for the confidence interval of its mean; 0 leaves it out. */
  readonly replicates: number;
  readonly groupOf: (flight: Flight) => string;
}

/** Distance bands, by their lower end in miles. */
export const bands = [
  { from: 0, name: 'under 500' },
  { from: 500, name: '500-999' },
  { from: 1_000, name: '1,000-1,999' },
  { from: 2_000, name: '2,000 and up' },
] as const;

/** Parts of the day, by the hour in which they begin; the night goes on until morning. */
export const dayParts = [
  { from: 6, name: 'morning' },
  { from: 12, name: 'afternoon' },
  { from: 17, name: 'evening' },
  { from: 22, name: 'night' },
] as const;

/**
 * The two halves of the job. Nothing is made up: where a file has no origin, its flights are
 * grouped by the part of the day in its place.
 */
export const datasets = {
  times: {
    file: 'flights-200k.json',
    records: 200_000,
    replicates: 2_000,
    groupOf: (flight) => groupKey(dayPart((flight as TimedFlight).time), band(flight.distance)),
  },
  origins: {
    file: 'flights-20k.json',
    records: 20_000,
    replicates: 0,
    groupOf: (flight) => groupKey((flight as RoutedFlight).origin, band(flight.distance)),
  },
} as const satisfies Record<string, Dataset>;

/** Names one of the datasets. */
export type DatasetName = keyof typeof datasets;

/** The name of a group: what a table has in its rows, and the distance band. */
export const groupKey = (row: string, distanceBand: string): string => `${row} | ${distanceBand}`;

/** The first part of a group's name. */
export const rowOf = (group: string): string => group.slice(0, group.indexOf(' |'));

const loaded = new Map<DatasetName, readonly Flight[]>();

/** Reads a dataset, once for the process. */
export function loadFlights(name: DatasetName): readonly Flight[] {
  const known = loaded.get(name);
  if (known) return known;
  const { file, records } = datasets[name];
  const place = new URL(`../data/${file}`, import.meta.resolve('vega-datasets'));
  const flights = JSON.parse(readFileSync(place, 'utf8')) as Flight[];
  if (flights.length !== records)
    throw new Error(`${file} has ${flights.length} records, expected ${records}`);
  loaded.set(name, flights);
  return flights;
}

const band = (distance: number): string => lastFrom(bands, distance)?.name ?? bands[0].name;
const dayPart = (hour: number): string => lastFrom(dayParts, hour)?.name ?? 'night';

function lastFrom<T extends { from: number }>(steps: readonly T[], value: number): T | undefined {
  return steps.findLast(({ from }) => value >= from);
}
