/** The same job in one process, without dtask: what the distributed result is checked against. */
import { setImmediate } from 'node:timers/promises';
import { datasets, type DatasetName, loadFlights } from './flights-data.js';
import { addFlights, type Summaries } from './summary.js';

/** Flights between two looks at signals and the clock. */
const breath = 2_000;

/** Summarises a whole dataset, record by record, with nothing to merge. */
export async function computeAlone(
  name: DatasetName,
  signal: AbortSignal,
  onStep: (share: number) => void,
): Promise<Summaries> {
  const flights = loadFlights(name);
  const groups: Summaries = new Map();
  for (let at = 0; at < datasets[name].records; at += breath) {
    addFlights(groups, name, flights, at, Math.min(flights.length, at + breath));
    onStep(Math.min(1, (at + breath) / flights.length));
    await setImmediate();
    signal.throwIfAborted();
  }
  return groups;
}
