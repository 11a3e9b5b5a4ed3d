/** Tells what happens while the job runs. */
import type { Job, JobEvents, Kill } from './job.js';
import { bar, elapsed, paint, type Screen, seconds } from './screen.js';
import type { WorkerProcess } from './worker-process.js';

/** Off a terminal, progress is told in steps of this share. */
const step = 0.1;

/** Hears the events of a job and shows them. */
export class Narrator implements JobEvents {
  readonly #screen: Screen;
  readonly #workers: readonly WorkerProcess[];
  #told = 0;

  constructor(screen: Screen, workers: readonly WorkerProcess[]) {
    this.#screen = screen;
    this.#workers = workers;
  }

  killed({ worker, chunk }: Kill): void {
    this.#screen.event(
      'killed',
      `${worker.name}, pid ${worker.pid}, by SIGKILL in the middle of chunk ${chunk.number}`,
      'red',
    );
  }

  resumed({ chunk, at, resumedAt = at }: Kill): void {
    this.#screen.event(
      'recovered',
      `chunk ${chunk.number} runs again, on ${chunk.begun.at(-1) ?? '?'}, ${seconds(resumedAt - at)} after the kill`,
      'green',
    );
  }

  moved(job: Job): void {
    this.#screen.live(() => this.#line(job));
    if (this.#screen.isLive || job.done < (this.#told + step) * job.chunks.length) return;
    this.#told = job.done / job.chunks.length;
    this.#screen.event('done', `${job.done} of ${job.chunks.length} chunks`);
  }

  #line(job: Job): string {
    const share = job.done / job.chunks.length;
    const done = `${String(job.done).padStart(2)} of ${job.chunks.length} chunks`;
    const each = this.#workers.map((worker) => this.#doing(job, worker)).join('  ');
    return `${paint('dim', seconds(elapsed()).padStart(8))}  ${bar(share, 24)} ${done}  ${each}`;
  }

  /** What a worker said last, as far as it can still be true. */
  #doing(job: Job, { name, alive }: WorkerProcess): string {
    if (!alive || job.kill?.worker.name === name) return paint('red', `${name} dead`.padEnd(12));
    const chunk = job.chunks.findLast(
      ({ begun, finishedBy }) => begun.at(-1) === name && finishedBy === undefined,
    );
    return (
      chunk ? `${name} #${chunk.number} ${Math.round(chunk.share * 100)} %` : `${name} idle`
    ).padEnd(12);
  }
}
