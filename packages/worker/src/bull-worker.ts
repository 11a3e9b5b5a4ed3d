/** BullMQ's Worker, made to survive what others may have put into its queue, and to lose no time. */
import type { Job, JobJson, Worker, WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { dropConnection, longestBlock, type OutcomeWriter } from '@dtask/core/internal';
import { type Backend, careful, parseFetched, repair } from './backend.js';
import { bullmq } from './bullmq.js';
import { Completion } from './completion.js';
import { Completions } from './completions.js';
import { FailedRun } from './failed-run.js';
import { Fetch } from './fetch.js';
import { jobJson } from './job-json.js';
import { keepText } from './job-text.js';
import { Lane, type LockToken } from './lane.js';
import { giveMarks } from './marks.js';
import { Outage } from './outage.js';
import { Damaged } from './read-message.js';
import type { Slots } from './slots.js';

/** What a BullWorker needs of its worker. */
export interface BullPlace {
  readonly connection: Redis;
  /** Executes a job: throws, at once or by its promise, where the job is not to be completed. */
  readonly execute: (job: Job, token: string) => Promise<void> | undefined;
  /** Writes outcomes, behind which the jobs are completed. */
  readonly writer: OutcomeWriter;
  /** No job is fetched without one. */
  readonly slots: Slots;
  /** Whether children are to get the messages as they came. */
  readonly keepTexts: boolean;
}

/**
 * The fields of the next job, its id, how long the queue is held back, when a delayed one is due, and
 * whether there is no other.
 */
type Fetched = [string[] | undefined, string, number?, number?, number?];

/** What BullMQ's pauses end by; its types are of another implementation. */
type End = NonNullable<Parameters<Worker['delay']>[1]>;

/** BullMQ's backend, as far as it is not to be seen. */
interface Blocking {
  readonly blockingConnection: { readonly _client: Redis };
}

type AnyJob = Job<unknown, unknown, string>;

/** Where another queue waits for a slot, a lane passes its slot on after this many jobs. */
const longestLane = 8;

/** How long BullMQ waits behind an error of a connection before it looks again, in milliseconds. */
const errorPause = 5_000;

/** What BullMQ gets where there is no job; its types have no word for it. */
const noJob = undefined as unknown as AnyJob;

/** BullMQ's own limit is out of the way: slots say how many tasks run, over all queues. */
const unlimited = 1_000_000;

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
  readonly #outage: Outage;
  /** Those that no lane uses. */
  readonly #tokens: LockToken[] = [];
  #completions: Completions | undefined;
  #ready: Promise<void> | undefined;
  #alarm: NodeJS.Timeout | undefined;
  #busy = 0;
  readonly #closed = new AbortController() as unknown as End;

  constructor(name: string, place: BullPlace, options: Omit<WorkerOptions, 'connection'>) {
    // `callProcessJob` is what runs; BullMQ asks for a processor all the same.
    const processor = (): Promise<void> => Promise.resolve();
    const given = { ...options, concurrency: unlimited, connection: place.connection };
    super(name, processor, given, careful);
    this.#place = place;
    const { lockDuration, stalledInterval } = this.opts as Required<WorkerOptions>;
    const backend = this.backend as Backend;
    const toKey = backend.toKey.bind(backend);
    const outage = { connection: place.connection, toKey, lockDuration, stalledInterval };
    this.#outage = new Outage(outage);
    const look = backend.moveStalledJobsToWait.bind(backend);
    backend.moveStalledJobsToWait = () =>
      this.#outage.look(backend['moveStalledJobsToWaitArgs']()) ?? look();
  }

  /** BullMQ renews locks that hold, and gives up those that have lapsed while Redis was away. */
  override async extendJobLocks(ids: string[], tokens: string[], span: number): Promise<string[]> {
    const lapsed = await super.extendJobLocks(ids, tokens, span);
    if (lapsed.length === 0) return lapsed;
    const lost = await this.#outage.retake(lapsed, (id) => tokens[ids.indexOf(id)] ?? '');
    // Nothing is wrong with one that has ended meanwhile.
    const running = new Set(this.lockManager.getTrackedJobIds());
    return lost.filter((id) => running.has(id));
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
    let job: AnyJob;
    try {
      job = super.createJob(json, id);
      if (this.#place.keepTexts) keepText(job, json.data);
    } catch (error) {
      job = super.createJob({ ...json, data: '{}' }, id);
      job.data = new Damaged(json.data, error instanceof Error ? error.message : String(error));
    }
    giveMarks(job, id);
    return job;
  }

  /**
   * Fetches a job where there is a slot for it, and starts it. BullMQ would first ask for the next
   * one, and hand over this one when it has that answer.
   */
  protected override async moveToActive(token: string, name?: string): Promise<AnyJob> {
    clearTimeout(this.#alarm);
    if (this.closing || this.paused) {
      // It was woken while it was told to stop.
      this.#passOn();
      return noJob;
    }
    if (!this.#place.slots.take()) {
      await this.#room();
      return noJob;
    }
    const own = this.#tokens.pop() ?? { text: token, fetch: undefined, completion: undefined };
    let job: AnyJob | undefined;
    try {
      job = await this.#fetch(own, name);
    } finally {
      if (!job) {
        this.#tokens.push(own);
        this.#place.slots.release();
      }
    }
    if (!job) return noJob;
    this.#start(job, own);
    // Before BullMQ's next command, behind which the caller would have to wait.
    this.#place.writer.flush();
    return job;
  }

  async #fetch(token: LockToken, name?: string): Promise<AnyJob | undefined> {
    const backend = this.backend as Backend;
    token.fetch ??= await Fetch.of(this.#place.connection, backend, token.text, name);
    if (!token.fetch) return super.moveToActive(token.text, name);
    return this.#jobOf(await token.fetch.send(), token);
  }

  /** Hears what a reply says, and gives the job in it: at once where that is one that dtask has sent. */
  #jobOf(reply: unknown, token: LockToken): AnyJob | Promise<AnyJob> | undefined {
    const backend = this.backend as Backend;
    repair(backend, reply);
    // 0 says that there is nothing to say.
    const [fields, id, limit, delay, isLast] = (reply || []) as Fetched;
    this['updateDelays'](limit, delay);
    // BullMQ waits for a job then, and asks for none. Without a slot it is not to wait: it would take
    // the sign that there is one from a worker that has a slot.
    const { slots } = this.#place;
    this['drained'] = !fields || (isLast === 1 && slots.taken < slots.size);
    if (!fields) return undefined;
    const json = jobJson(fields, id);
    return json ? this.#own(json, id, token) : this.#foreign(reply, id, token);
  }

  #own(json: JobJson, id: string, token: LockToken): AnyJob {
    const job = this.createJob(json, id);
    job.token = token.text;
    return job;
  }

  /** Reads a job that is not as dtask sends it. BullMQ gives none where it cannot send the next one of a schedule. */
  async #foreign(reply: unknown, id: string, token: LockToken): Promise<AnyJob> {
    const json = await parseFetched(this.backend as Backend, reply);
    const job = await this['nextJobFromJobData'](json, id, token.text);
    return (job as AnyJob | undefined) ?? this.#own(json, id, token);
  }

  /**
   * Called before each wait for a job, which ends when the next delayed one is due at the latest. The
   * server sees that when it next looks, ten times a second by default (`hz`). So the worker wakes
   * itself, by the sign that there is a job: the server sees that at once.
   */
  protected override getBlockTimeout(blockUntil: number): number {
    const left = blockUntil - Date.now();
    clearTimeout(this.#alarm);
    if (left > 0 && left <= longestBlock) this.#alarm = setTimeout(() => this.#wake(), left + 1);
    // It may have been called for a slot, which it does not take: another queue may have a job for it.
    this.#place.slots.offer();
    return super.getBlockTimeout(blockUntil);
  }

  /** Puts up the sign that there is a job. */
  #wake(): void {
    this.#place.connection.zadd(this.toKey('marker'), 0, '0').catch(() => undefined);
  }

  /** Waits for a slot, with no job in hand: BullMQ looks after its other jobs, and asks again. */
  async #room(): Promise<void> {
    const room = this.#place.slots.room(this);
    this.#passOn();
    await room;
  }

  /** A loop that was woken has taken down the sign that there is a job. Others may have a slot. */
  #passOn(): void {
    if (this['waiting']) this.#wake();
  }

  /** BullMQ's pauses behind errors end with the worker. */
  override delay(span?: number, end = this.#closed): Promise<void> {
    return super.delay(span, end);
  }

  /** That of the look for stalled jobs, too. */
  protected override async checkConnectionError<T>(
    work: () => Promise<T>,
    pause = errorPause,
  ): Promise<T | undefined> {
    let failed = false;
    const noted = (error: unknown): never => {
      failed = true;
      throw error;
    };
    const value = await super.checkConnectionError(() => work().catch(noted), 0);
    if (failed && !this.closing) await this.delay(pause);
    return value ?? undefined;
  }

  /** Takes no more jobs, and waits for those that run. */
  override close(force?: boolean): Promise<void> {
    clearTimeout(this.#alarm);
    this.#closed.abort();
    const closed = super.close(force);
    this.#place.slots.cancel(this);
    // It may have been called for a slot just now.
    this.#place.slots.offer();
    return closed;
  }

  /** How many jobs it has: those that run, and those whose end is not written yet. */
  get busy(): number {
    return this.#busy;
  }

  /** Ends the connection that BullMQ blocks on, at once: it would wait for a server that is away. */
  cut(): void {
    const { blockingConnection: blocking } = this.backend as unknown as Blocking;
    dropConnection(blocking._client);
  }

  /** BullMQ asks for the run of a job that has been started. */
  override processJob(job: AnyJob): Promise<void> {
    return this.#lanes.get(job)?.ended ?? Promise.resolve();
  }

  #start(job: AnyJob, token: LockToken): void {
    const lane = new Lane(token);
    this.#busy += 1;
    this.#lanes.set(job, lane);
    this.#process(job, lane);
  }

  #process(job: AnyJob, lane: Lane): void {
    lane.run += 1;
    if (isDoomed(job)) {
      this.#leave(job, lane, {});
      return;
    }
    this.lockManager.trackJob(job.id as string, lane.token.text, job.processedOn as number);
    let running: Promise<void> | undefined;
    try {
      running = this.#place.execute(job, lane.token.text);
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
    if (!Completion.fits(job.id) || !this.#goesOn(lane)) {
      this.#leave(job, lane, {});
      return;
    }
    const { id } = job;
    const { writer, connection } = this.#place;
    const completions = (this.#completions ??= new Completions(
      connection,
      this.backend as Backend,
    ));
    const completion = (lane.token.completion ??= completions.under(lane.token.text));
    if (!completion) {
      this.#leave(job, lane, {});
      return;
    }
    const done = (reply: unknown): void => this.#next(job, lane, reply);
    const failed = (): void => this.#leave(job, lane, {});
    writer.follow(() =>
      completions.add({ id, completion, done, failed }, (send) => writer.follow(send)),
    );
  }

  /** Goes on with the job that a completion brought. */
  #next(job: AnyJob, lane: Lane, reply: unknown): void {
    // The job is not ours any more, or not complete: BullMQ finds out why.
    if (typeof reply === 'number' && reply < 0) {
      const leave = (): void => this.#leave(job, lane, {});
      // Its lock may have lapsed while Redis was away.
      this.#outage.retake([job.id as string], () => lane.token.text).then(leave, leave);
      return;
    }
    this.lockManager.untrackJob(job.id as string);
    const next = this.#jobOf(reply, lane.token);
    if (next instanceof Promise) this.#follow(lane, next);
    else if (next) this.#process(next, lane);
    else this.#end(lane);
  }

  /** Whether a lane takes another job. */
  #goesOn(lane: Lane): boolean {
    if (this.closing || this.paused) return false;
    const { slots } = this.#place;
    return slots.taken <= slots.size && (lane.run < longestLane || !slots.wantedBeside(this));
  }

  #end(lane: Lane): void {
    this.#busy -= 1;
    this.#tokens.push(lane.token);
    this.#place.slots.release();
    lane.end();
  }

  /** Leaves the end of a job to BullMQ, behind what is still to be written. */
  #leave(job: AnyJob, lane: Lane, ended: Ended): void {
    this.#ended.set(job, ended);
    if (ended.error instanceof FailedRun) ended.error.keepWith(job);
    this.#place.writer.follow(() => {
      // BullMQ would fetch the next job of one that went elsewhere by `moveToActive`, with a new lane.
      const goesOn = (): boolean => !isElsewhere(ended.error) && this.#goesOn(lane);
      this.#follow(lane, super.processJob(job, lane.token.text, goesOn));
    });
  }

  /** Goes on with the next job as soon as it is there. */
  #follow(lane: Lane, next: Promise<AnyJob | undefined | void>): void {
    next.then(
      (job) => (job ? this.#process(job, lane) : this.#end(lane)),
      (error: unknown) => {
        this.emit('error', error as Error);
        this.#end(lane);
      },
    );
  }

  /** BullMQ asks what came of a job that has run. */
  protected override callProcessJob(job: AnyJob): Promise<void> {
    const ended = this.#ended.get(job) ?? { error: new Error(`job ${job.id} has not run`) };
    return 'error' in ended ? Promise.reject(ended.error as Error) : Promise.resolve();
  }
}

/** Whether a job has been put where it belongs already. */
const isElsewhere = (error: unknown): boolean =>
  error instanceof bullmq.WaitingError || error instanceof bullmq.DelayedError;

/** Whether BullMQ is to fail a job that never ran, as the parent of a flow asks for. */
const isDoomed = (job: AnyJob): boolean => Boolean(job.deferredFailure);
