/** The job: sends every chunk, merges what comes back, and kills a worker in the middle. */
import { datasets, type DatasetName } from './flights-data.js';
import { merge, type Summaries } from './summary.js';
import { type ChunkProgress, summarise } from './tasks.js';
import type { WorkerProcess } from './worker-process.js';

/** Flights per task. */
const chunkSize = 5_000;
/** The share of chunks that are done when a worker is killed. */
const killAfter = 0.4;

/** A range of records, and what became of it. */
export interface Chunk {
  /** Counts from 1. */
  readonly number: number;
  readonly dataset: DatasetName;
  readonly from: number;
  readonly to: number;
  /** The worker of each run of it, in order: more than one where it ran twice. */
  readonly begun: string[];
  /** The last run that was heard of. */
  run: string | undefined;
  /** The share that its last worker said is done. */
  share: number;
  /** The worker whose result arrived. */
  finishedBy: string | undefined;
}

/** What happened to the worker that was killed, with times by `performance.now()`. */
export interface Kill {
  readonly worker: WorkerProcess;
  /** The chunk that it was computing. */
  readonly chunk: Chunk;
  readonly at: number;
  /** When another worker began that chunk, and when its result was there. */
  resumedAt?: number;
  finishedAt?: number;
}

/** Hears what happens. */
export interface JobEvents {
  killed(kill: Kill): void;
  resumed(kill: Kill): void;
  moved(job: Job): void;
}

/** A run of the whole job. */
export class Job {
  readonly chunks: readonly Chunk[] = (Object.keys(datasets) as DatasetName[])
    .flatMap(split)
    .map((range, index) => ({
      ...range,
      number: index + 1,
      begun: [],
      run: undefined,
      share: 0,
      finishedBy: undefined,
    }));
  readonly merged: Record<DatasetName, Summaries> = { times: new Map(), origins: new Map() };
  kill: Kill | undefined;
  readonly #workers: readonly WorkerProcess[];
  readonly #events: JobEvents;

  constructor(workers: readonly WorkerProcess[], events: JobEvents) {
    this.#workers = workers;
    this.#events = events;
  }

  /** How many chunks are done. */
  get done(): number {
    return this.chunks.filter(({ finishedBy }) => finishedBy !== undefined).length;
  }

  /** Sends every chunk at once and waits for all. */
  async run(): Promise<void> {
    await Promise.all(this.chunks.map((chunk) => this.#compute(chunk)));
  }

  async #compute(chunk: Chunk): Promise<void> {
    const { dataset, from, to } = chunk;
    const portion = await summarise.delay(dataset, from, to).get({
      timeout: '2m',
      onProgress: (details) => this.#follow(chunk, details as ChunkProgress),
    });
    merge(this.merged[dataset], portion.groups);
    chunk.finishedBy = portion.worker;
    if (this.kill?.chunk === chunk) this.kill.finishedAt = performance.now();
    this.#events.moved(this);
  }

  #follow(chunk: Chunk, { worker, run, done }: ChunkProgress): void {
    const share = done / (chunk.to - chunk.from);
    // A caller that asks for the state, to be sure, may hear again what it knows.
    if (chunk.run === run && share <= chunk.share) return;
    if (chunk.run !== run) chunk.begun.push(worker);
    chunk.run = run;
    chunk.share = share;
    const { kill } = this;
    if (!kill && share > 0 && this.#isTime()) this.#killHolder(chunk, worker);
    if (kill?.chunk === chunk && kill.worker.name !== worker && kill.resumedAt === undefined) {
      kill.resumedAt = performance.now();
      this.#events.resumed(kill);
    }
    this.#events.moved(this);
  }

  /** Enough is done, and every worker has had a part in it. */
  #isTime(): boolean {
    const finishers = new Set(this.chunks.map(({ finishedBy }) => finishedBy));
    return (
      this.done >= this.chunks.length * killAfter &&
      this.#workers.every(({ name }) => finishers.has(name))
    );
  }

  /** Kills the worker that has just said how far it is with a chunk: so it is in the middle of it. */
  #killHolder(chunk: Chunk, name: string): void {
    const worker = this.#workers.find((one) => one.name === name);
    if (!worker) return;
    worker.kill();
    this.kill = { worker, chunk, at: performance.now() };
    this.#events.killed(this.kill);
  }
}

function split(dataset: DatasetName): { dataset: DatasetName; from: number; to: number }[] {
  const { records } = datasets[dataset];
  return Array.from({ length: Math.ceil(records / chunkSize) }, (_, index) => ({
    dataset,
    from: index * chunkSize,
    to: Math.min(records, (index + 1) * chunkSize),
  }));
}
