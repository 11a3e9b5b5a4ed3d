/** BullMQ's Worker, made to survive what others may have put into its queue, and to lose no time. */
import type { Job, JobJson, Worker, WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import type { OutcomeWriter } from '@dtask/core/internal';
import { type Backend, careful, parseFetched, repair } from './backend.js';
import { bullmq } from './bullmq.js';
import { Completion } from './completion.js';
import { FailedRun } from './failed-run.js';
import { jobJson } from './job-json.js';
import { Damaged } from './read-message.js';

/** What a BullWorker needs of its worker. */
export interface BullPlace {
  readonly connection: Redis;
  /** Executes a job: throws, at once or by its promise, where the job is not to be completed. */
  readonly execute: (job: Job, token: string) => Promise<void> | undefined;
  /** Writes outcomes, behind which the jobs are completed. */
  readonly writer: OutcomeWriter;
}

/** The fields of the next job, its id, how long the queue is held back, and when a job is due. */
type Fetched = [string[] | undefined, string, number | undefined, number | undefined];

type AnyJob = Job<unknown, unknown, string>;

/** One unit of concurrency: it runs a job, then those that each completion brings along. */
class Lane {
  /** The lock token of all its jobs. */
  readonly token: string;
  /** Resolves when no job is left, or to one that BullMQ is to go on with. */
  readonly ended: Promise<AnyJob | void>;
  end: (next?: Promise<AnyJob | void>) => void = () => undefined;
  /** Whether there is room for another job; known when BullMQ has heard of the first. */
  fetchNext = (): boolean => true;
  completion: Completion | undefined;

  constructor(token: string) {
    this.token = token;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }
}

/** How a job ended that BullMQ is to put where it belongs: well, or with an error. */
type Ended = { readonly error?: unknown };

/**
 * Plain BullMQ throws when a job's fields are not JSON: the job is never handed out, stalls, and
 * is tried again for ever. This one hands it out with `Damaged` data, for the executor to refuse.
 *
 * BullMQ passes each job through some thirty promises, in which the jobs of one reply go side by
 * side: none is completed before all have run, and Redis waits meanwhile. Here a job whose code is
 * not async runs and is written off within one, so that Redis and the worker work at the same time.
 * Whatever is out of the ordinary is left to BullMQ's own code.
 */
export class BullWorker extends bullmq.Worker<unknown, unknown, string> {
  readonly #place: BullPlace;
  readonly #lanes = new WeakMap<AnyJob, Lane>();
  readonly #ended = new WeakMap<AnyJob, Ended>();
  #ready: Promise<void> | undefined;

  constructor(name: string, place: BullPlace, options: Omit<WorkerOptions, 'connection'>) {
    // `callProcessJob` is what runs; BullMQ asks for a processor all the same.
    const processor = (): Promise<void> => Promise.resolve();
    super(name, processor, { ...options, connection: place.connection }, careful);
    this.#place = place;
  }

  /** Takes one job more at a time, or one less. */
  resize(change: 1 | -1): void {
    this.concurrency += change;
    // A loop that waits for a job to end would not see that there is room.
    if (change > 0) this['mainLoopQueue']?.add(Promise.resolve());
  }

  /** BullMQ asks this for every job; once is enough. Later outages are the connection's to heal. */
  override waitUntilReady(): Promise<void> {
    return (this.#ready ??= super.waitUntilReady());
  }

  /** Without telemetry there is nothing to wrap, and each wrapping costs a job three promises. */
  override trace<T>(...given: Parameters<Worker['trace']>): Promise<T> {
    const callback = given[3] as () => Promise<T>;
    return callback();
  }

  protected override createJob(json: JobJson, id: string): AnyJob {
    try {
      return super.createJob(json, id);
    } catch (error) {
      const job = super.createJob({ ...json, data: '{}' }, id);
      job.data = new Damaged(json.data, error instanceof Error ? error.message : String(error));
      return job;
    }
  }

  /**
   * Fetches a job, and starts it. BullMQ would first ask for the next one, and hand over this one
   * when it has that answer.
   */
  protected override async moveToActive(token: string, name?: string): Promise<AnyJob> {
    const job = await super.moveToActive(token, name);
    if (job && !isDoomed(job)) {
      this.#start(job, token);
      // Before BullMQ's next command, behind which the caller would have to wait.
      this.#place.writer.flush();
    }
    return job;
  }

  /** Runs a job, and those that come with its completion; resolves when none came. */
  override processJob(
    job: AnyJob,
    token: string,
    fetchNext: () => boolean = () => true,
  ): Promise<void | AnyJob> {
    if (isDoomed(job)) return super.processJob(job, token, fetchNext);
    const lane = this.#lanes.get(job) ?? this.#start(job, token);
    lane.fetchNext = fetchNext;
    return lane.ended;
  }

  #start(job: AnyJob, token: string): Lane {
    const lane = new Lane(token);
    this.#lanes.set(job, lane);
    this.#process(job, lane);
    return lane;
  }

  #process(job: AnyJob, lane: Lane): void {
    this.lockManager.trackJob(job.id as string, lane.token, job.processedOn as number);
    let running: Promise<void> | undefined;
    try {
      running = this.#place.execute(job, lane.token);
    } catch (error) {
      this.#leave(job, lane, { error });
      return;
    }
    if (!running) this.#finish(job, lane);
    else
      running.then(
        () => this.#finish(job, lane),
        (error: unknown) => this.#leave(job, lane, { error }),
      );
  }

  #finish(job: AnyJob, lane: Lane): void {
    if (this.closing || this.paused || !Completion.fits(job.id) || !lane.fetchNext()) {
      this.#leave(job, lane, {});
      return;
    }
    const { id } = job;
    const completion = (lane.completion ??= Completion.of(
      this.#place.connection,
      this.backend as Backend,
      lane.token,
    ));
    if (!completion) {
      this.#leave(job, lane, {});
      return;
    }
    this.#place.writer.follow(() => {
      completion.send(id).then(
        (reply) => this.#next(job, lane, reply),
        () => this.#leave(job, lane, {}),
      );
    });
  }

  /** Goes on with the job that a completion brought. */
  #next(job: AnyJob, lane: Lane, reply: unknown): void {
    // The job is not ours any more, or not complete: BullMQ finds out why.
    if ((reply as number) < 0) {
      this.#leave(job, lane, {});
      return;
    }
    this.lockManager.untrackJob(job.id as string);
    repair(this.backend as Backend, reply);
    // 0 says that there is nothing to say.
    const [fields, id, limit, delay] = (reply || []) as Fetched;
    this['updateDelays'](limit, delay);
    this['drained'] = !fields;
    if (!fields) {
      lane.end();
      return;
    }
    const json = jobJson(fields, id);
    if (!json) {
      lane.end(this.#foreign(reply, id, lane.token));
      return;
    }
    const next = this.createJob(json, id);
    next.token = lane.token;
    this.#process(next, lane);
  }

  /** Reads a job that is not as dtask sends it. */
  async #foreign(reply: unknown, id: string, token: string): Promise<AnyJob> {
    const job = this.createJob(await parseFetched(this.backend as Backend, reply), id);
    job.token = token;
    return job;
  }

  /** Leaves the end of a job to BullMQ, behind what is still to be written. */
  #leave(job: AnyJob, lane: Lane, ended: Ended): void {
    this.#ended.set(job, ended);
    if (ended.error instanceof FailedRun) ended.error.keepWith(job);
    this.#place.writer.follow(() => lane.end(super.processJob(job, lane.token, lane.fetchNext)));
  }

  /** BullMQ asks for the run of a job that has run. */
  protected override callProcessJob(job: AnyJob): Promise<void> {
    const ended = this.#ended.get(job) ?? { error: new Error(`job ${job.id} has not run`) };
    return 'error' in ended ? Promise.reject(ended.error as Error) : Promise.resolve();
  }
}

/** Whether BullMQ is to fail a job that never ran, as the parent of a flow asks for. */
const isDoomed = (job: AnyJob): boolean => Boolean(job.deferredFailure);
