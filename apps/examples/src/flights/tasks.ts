/** The task: summarises one chunk of a file of flights. */
import { randomUUID } from 'node:crypto';
import { currentTask, task } from 'dtask';
import { type DatasetName, loadFlights } from './flights-data.js';
import { addFlights, type Summaries } from './summary.js';

/** What a chunk gives. */
export interface Portion {
  /** The worker that computed it. */
  readonly worker: string;
  readonly groups: Summaries;
}

/** What a task tells on its way. */
export interface ChunkProgress {
  readonly worker: string;
  /** Tells two runs of one task apart. */
  readonly run: string;
  /** How many flights of the chunk are done. */
  readonly done: number;
}

/** How often a task tells how far it is. */
const steps = 4;

/** Summarises the flights with the numbers `from` up to `to`. The records are read once per worker. */
export const summarise = task(
  'flights.summarise',
  async (dataset: DatasetName, from: number, to: number): Promise<Portion> => {
    const context = currentTask();
    const { worker } = context;
    const run = randomUUID();
    const flights = loadFlights(dataset);
    const groups: Summaries = new Map();
    const size = Math.ceil((to - from) / steps);
    for (let at = from; at < to; at += size) {
      await context.progress({ worker, run, done: at - from } satisfies ChunkProgress);
      addFlights(groups, dataset, flights, at, Math.min(at + size, to));
    }
    return { worker, groups };
  },
);
