/** BullMQ's Worker, made to survive what others may have put into its queue, and to lose no time. */
import type { Job, JobJson, WorkerOptions } from 'bullmq';
import { type Backend, careful, parseFetched, repair, toLocal } from './backend.js';
import type { BullPlace } from './bull-place.js';
import { bullmq } from './bullmq.js';
import { Completion } from './completion.js';
import { Completions } from './completions.js';
import { FailedRun } from './failed-run.js';
import { Fetch } from './fetch.js';
import { HeldLocks } from './held-locks.js';
import { type Ended, isElsewhere, putAway } from './job-end.js';
import { jobJson } from './job-json.js';
import { JobLock, LockLost, type Renew } from './job-lock.js';
import { keepText } from './job-text.js';
import { Lane, type LockToken } from './lane.js';
import { giveMarks } from './marks.js';
import { Marker } from './marker.js';
import { Outage } from './outage.js';
import { PromptWorker } from './prompt-worker.js';
import { Damaged } from './read-message.js';
import { GivenUp, isRefusal } from './refusals.js';
import { saysGone, saysLost } from './under-lock.js';
import { SteadyJobs } from './steady-jobs.js';

/**
 * The fields of the next job, its id, how long the queue is held back, when a delayed one is due, and
 * whether there is no other.
 */
type Fetched = [string[] | undefined, string, number?, number?, number?];

type AnyJob = Job<unknown, unknown, string>;

/** Where another queue waits for a slot, a lane passes its slot on after this many jobs. */
const longestLane = 8;

/** The longest wait before a fetch that Redis refuses is tried again, in milliseconds. */
const longestPause = 5_000;

/** What BullMQ gets where there is no job; its types have no word for it. */
const noJob = undefined as unknown as AnyJob;

/** BullMQ's own limit is out of the way: slots say how many tasks run, over all queues. */
const unlimited = 1_000_000;

/**
 * Plain BullMQ throws when a job's fields are not JSON: the job is never handed out, stalls, and
 * is tried again for ever. This one hands it out with `Damaged` data, for the executor to refuse.
 *
 * BullMQ passes each job through some thirty promises, in which the jobs of one reply go side by
 * side: none is completed before all have run, and Redis waits meanwhile. Here a job whose code is
 * not async runs and is written off within one, so that Redis and the worker work at the same time.
 * Whatever is out of the ordinary is left to BullMQ's own code.
 */
export class BullWorker extends PromptWorker {
  readonly #place: BullPlace;
  readonly #lanes = new WeakMap<AnyJob, Lane>();
  readonly #outage: Outage;
  readonly #locks: HeldLocks;
  readonly #renew: Renew;
  /** Those that no lane uses. */
  readonly #tokens: LockToken[] = [];
  #completions: Completions | undefined;
  readonly #marker: Marker;
  #refusedFetches = 0;
  #busy = 0;

  constructor(name: string, place: BullPlace, options: Omit<WorkerOptions, 'connection'>) {
    // `callProcessJob` is what runs; BullMQ asks for a processor all the same.
    const processor = (): Promise<void> => Promise.resolve();
    const given = { ...options, concurrency: unlimited, connection: place.connection };
    super(name, processor, given, careful);
    this.#place = place;
    this.lockManager['trackedJobs'] = new SteadyJobs();
    const { lockDuration, stalledInterval, prefix } = this.opts as Required<WorkerOptions>;
    (this as { id: string }).id = place.sign.tokenPrefix(lockDuration);
    const backend = this.backend as Backend;
    const toKey = backend.toKey.bind(backend);
    this.#outage = new Outage({ ...given, toKey, prefix, lockDuration, stalledInterval });
    this.#marker = new Marker(place.connection, toKey('marker'));
    this.#renew = async (lock) => (await this.#outage.renew([lock]))[0] ?? 'lost';
    this.#locks = new HeldLocks({
      renew: (locks) => this.#outage.renew(locks),
      tracked: () => this.lockManager['trackedJobs'],
      untrack: (id) => this.lockManager.untrackJob(id),
      onLost: ({ job }) => place.onLost(job),
    });
    const look = backend.moveStalledJobsToWait.bind(backend);
    backend.moveStalledJobsToWait = () =>
      this.#outage.look(backend['moveStalledJobsToWaitArgs']()) ?? look();
  }

  /** BullMQ renews locks that hold, and gives up those that have lapsed while Redis was away. */
  override async extendJobLocks(ids: string[], tokens: string[]): Promise<string[]> {
    await this.#locks.renew(ids, tokens);
    return [];
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
    this.#marker.clear();
    if (this.closing || this.paused) {
      // It was woken while it was told to stop.
      this.#passOn();
      return noJob;
    }
    const { refusals, slots } = this.#place;
    if (refusals.size > 0) {
      this.#passOn();
      // It asks nothing of Redis meanwhile, and stops at once.
      await Promise.race([refusals.over(), this.delay(longestPause)]);
      return noJob;
    }
    if (!slots.take()) {
      await this.#room();
      return noJob;
    }
    const own = this.#tokens.pop() ?? { text: token, fetch: undefined, completion: undefined };
    let job: AnyJob | undefined;
    let refusal: unknown;
    try {
      job = await this.#fetch(own, name);
      this.#refusedFetches = 0;
    } catch (error) {
      if (!isRefusal(error) || this.closing) throw error;
      refusal = error;
    } finally {
      if (!job) {
        this.#tokens.push(own);
        slots.release();
      }
    }
    if (refusal) await this.#wait(refusal as Error);
    if (!job) return noJob;
    this.#start(job, own);
    // Before BullMQ's next command, behind which the caller would have to wait.
    this.#place.writer.flush();
    return job;
  }

  /** Said once; the sign that there is a job may have been taken down, so BullMQ is not to wait for it. */
  async #wait(refusal: Error): Promise<void> {
    this['drained'] = false;
    this.#refusedFetches += 1;
    if (this.#refusedFetches === 1) this.emit('error', refusal);
    await this.delay(Math.min(longestPause, 50 * 2 ** Math.min(this.#refusedFetches, 10)));
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
    this['updateDelays'](limit, delay && toLocal(this.#place.connection, delay));
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
    this.#marker.showAt(blockUntil);
    // It may have been called for a slot, which it does not take: another queue may have a job for it.
    this.#place.slots.offer();
    return super.getBlockTimeout(blockUntil);
  }

  /** Waits for a slot, with no job in hand: BullMQ looks after its other jobs, and asks again. */
  async #room(): Promise<void> {
    const room = this.#place.slots.room(this);
    this.#passOn();
    await room;
  }

  /** A loop that was woken has taken down the sign that there is a job. Others may have a slot. */
  #passOn(): void {
    if (this['waiting']) this.#marker.show();
  }

  /** Takes no more jobs, and waits for those that run. */
  override close(force?: boolean): Promise<void> {
    this.#marker.clear();
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
    const lock = new JobLock(job, lane.token.text, this.#renew);
    lane.lock = lock;
    // It is to fail without a run, as the parent of a flow asks for.
    if (job.deferredFailure) {
      this.#leave(lane, lock, { error: new bullmq.UnrecoverableError(job.deferredFailure) });
      return;
    }
    this.lockManager.trackJob(job.id as string, lock.token, Date.now());
    let running: Promise<void> | undefined;
    try {
      running = this.#place.execute(job, lock);
    } catch (error) {
      this.#leave(lane, lock, { error });
      return;
    }
    if (!running) {
      this.#finish(lane, lock);
      return;
    }
    this.#locks.hold(lock);
    running.then(
      () => this.#finish(lane, lock),
      (error: unknown) => this.#leave(lane, lock, { error }),
    );
  }

  #finish(lane: Lane, lock: JobLock): void {
    const { id } = lock.job;
    if (lock.isLost || lock.left || !Completion.fits(id) || !this.#goesOn(lane)) {
      this.#leave(lane, lock, {});
      return;
    }
    const { writer, connection } = this.#place;
    const completions = (this.#completions ??= new Completions(
      connection,
      this.backend as Backend,
      () => writer.proof,
    ));
    const completion = (lane.token.completion ??= completions.under(lane.token.text));
    if (!completion) {
      this.#leave(lane, lock, {});
      return;
    }
    const done = (reply: unknown): void => this.#next(lane, lock, reply);
    const failed = (): void => this.#leave(lane, lock, {});
    writer.follow(
      () => completions.add({ id, completion, done, failed }, (send) => writer.follow(send)),
      () => this.#endWithout(lane, lock),
    );
  }

  /** Goes on with the job that a completion brought. */
  #next(lane: Lane, lock: JobLock, reply: unknown): void {
    if (saysLost(reply)) {
      if (saysGone(reply)) this.#endGone(lane, lock);
      else this.#drop(lane, lock);
      return;
    }
    if (typeof reply === 'number' && reply < 0) {
      this.#leave(lane, lock, {});
      return;
    }
    this.#locks.letGo(lock);
    const next = this.#jobOf(reply, lane.token);
    if (next instanceof Promise) this.#follow(lane, next);
    else if (next) this.#process(next, lane);
    else this.#end(lane);
  }

  /** Whether a lane takes another job. */
  #goesOn(lane: Lane): boolean {
    if (this.closing || this.paused) return false;
    const { slots, refusals } = this.#place;
    if (refusals.size > 0) return false;
    return slots.taken <= slots.size && (lane.run < longestLane || !slots.wantedBeside(this));
  }

  #end(lane: Lane): void {
    this.#busy -= 1;
    this.#tokens.push(lane.token);
    this.#place.slots.release();
    lane.end();
  }

  #endWithout(lane: Lane, lock: JobLock): void {
    this.#locks.letGo(lock);
    this.#end(lane);
  }

  /** A job that is not there has ended elsewhere; or by this very completion, where a connection broke. */
  #endGone(lane: Lane, lock: JobLock): void {
    const end = (): void => (lock.isLost ? this.#drop(lane, lock) : this.#endWithout(lane, lock));
    this.#place.writer.stored().then(end, end);
  }

  #drop(lane: Lane, lock: JobLock): void {
    this.#locks.lose(lock);
    this.#end(lane);
  }

  /** Puts a job where its end says, by BullMQ's own means, behind what is still to be written. */
  #leave(lane: Lane, lock: JobLock, ended: Ended): void {
    const { error } = ended;
    if (lock.isLost || error instanceof LockLost) {
      this.#drop(lane, lock);
      return;
    }
    if (isElsewhere(error)) {
      this.#endWithout(lane, lock);
      return;
    }
    // It is to be renewed for as long as that takes.
    this.#locks.hold(lock);
    if (error instanceof FailedRun) error.keepWith(lock.job);
    this.#place.writer.follow(
      () => this.#follow(lane, this.#put(lane, lock, ended)),
      () => this.#endWithout(lane, lock),
    );
  }

  async #put(lane: Lane, lock: JobLock, ended: Ended): Promise<AnyJob | undefined> {
    try {
      const reply = await putAway(this.#place, lock, ended, () => this.#goesOn(lane));
      if (!Array.isArray(reply)) return undefined;
      const [json, id, limit, delay] = reply as [JobJson, string, number, number];
      this['updateDelays'](limit, delay);
      const next: unknown = await this['nextJobFromJobData'](json, id, lock.token);
      return next as AnyJob | undefined;
    } catch (error) {
      if (error instanceof LockLost) this.#locks.lose(lock);
      else if (!(error instanceof GivenUp)) throw error;
      return undefined;
    } finally {
      this.#locks.letGo(lock);
    }
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
}
