/** Executes jobs: decides whether a task runs, has it run, and ends it. */
import type { Job } from 'bullmq';
import {
  clockOf,
  type Definition,
  findDefinition,
  markFields,
  inNoContext,
  type Message,
  packTask,
  parseOutcome,
  type ServerClock,
} from '@dtask/core/internal';
import { BrokerError, TaskRevokedError, WorkerLostError } from '@dtask/core';
import { bullmq } from './bullmq.js';
import { at, type Current, newCurrent } from './current.js';
import { Endings } from './endings.js';
import type { ExecutorPlace } from './executor-place.js';
import { FailedRun } from './failed-run.js';
import { freeKey } from './free-key.js';
import { Gatherings } from './gather/gatherings.js';
import type { Member } from './gather/member.js';
import { HookCalls } from './hook-calls.js';
import { textOf } from './job-text.js';
import { type JobLock, LockLost } from './job-lock.js';
import { keysOf, type LimitKeys } from './limits/limits.js';
import { marksOf } from './marks.js';
import type { OutcomeWriter } from './outcome-writer.js';
import type { Outcomes } from './outcomes.js';
import type { Performance } from './pool/pool.js';
import { Packs } from './pack/packs.js';
import { Singles } from './pack/singles.js';
import { readMessage } from './read-message.js';
import { GivenUp } from './refusals.js';
import type { Report } from './report.js';
import { expired, type Revoked, revokedBy, revokedByText } from './revoked.js';
import { Sequel } from './sequel.js';
import { suspicionOf } from './suspicion.js';
import { limitTime, type TimeLimit, timeLimitOf } from './time-limit.js';
import { underLock } from './under-lock.js';
import { unknownTask } from './unknown-task.js';

/**
 * How often a task may be found without a living worker. A task that kills its worker takes others
 * with it, which must not pay for it: so this ends endless crashing, and nothing less.
 */
const mostCrashes = 10;

/** Turns jobs into outcomes. */
export class Executor {
  readonly #place: ExecutorPlace;
  readonly #outcomes: Outcomes;
  readonly #clock: ServerClock;
  readonly #current = new Set<Current>();
  readonly #sequel: Sequel;
  readonly #endings: Endings;
  readonly #hooks: HookCalls;
  readonly #packs: Packs;
  readonly #gatherings: Gatherings;
  #withdrawn = false;

  constructor(place: ExecutorPlace, outcomes: Outcomes) {
    this.#place = place;
    this.#outcomes = outcomes;
    this.#clock = clockOf(place.connection);
    const { app, log, slots, aside } = place;
    this.#sequel = new Sequel(app, log, slots, aside);
    this.#hooks = new HookCalls(place.app, place.worker);
    this.#endings = new Endings(place, outcomes, this.#sequel, this.#hooks);
    const onStart = this.#start.bind(this);
    this.#gatherings = new Gatherings({ ...place, onStart });
    this.#packs = new Packs({
      ...place,
      outcomes,
      singles: new Singles(place),
      withdrawn: () => this.#withdrawn,
      execute: (current, call) => this.#execute(current, () => this.#take(current, call)),
    });
  }

  /** Writes the outcomes, and behind them what ends the jobs. */
  get writer(): OutcomeWriter {
    return this.#outcomes.writer;
  }

  /** The jobs that are executed now. */
  get current(): ReadonlySet<Current> {
    return this.#current;
  }

  /**
   * Executes a job; what it throws decides where BullMQ puts the job. Gives a promise only where
   * there is something to wait for: the task of a function that is not async has ended by then.
   */
  execute(job: Job, lock: JobLock, source: string, queue: string): Promise<void> | undefined {
    const current = newCurrent(job, lock, source, queue);
    // Often the end of another task's job brings this one, whose context it must not have.
    return this.#execute(current, () => inNoContext(() => this.#begin(current)));
  }

  #execute(current: Current, begin: () => Promise<void> | undefined): Promise<void> | undefined {
    this.#current.add(current);
    let ended: Promise<void> | undefined;
    try {
      ended = begin();
    } catch (error) {
      ended = Promise.reject(error as Error);
    }
    if (ended) return this.#ending(current, ended);
    this.#current.delete(current);
    return undefined;
  }

  async #ending(current: Current, ended: Promise<void>): Promise<void> {
    try {
      await ended;
    } catch (error) {
      if (isDecision(error)) throw error;
      // What follows the task can only be sent by a worker whose App is open.
      if (error instanceof BrokerError && this.#place.app.closed)
        await this.#endings.putBack(current);
      await this.#endings.stumble(current, error);
    } finally {
      this.#current.delete(current);
    }
  }

  #begin(current: Current): Promise<void> | undefined {
    const message = readMessage(current.job, this.#place.app.canvases.handles);
    if (message instanceof Error) return this.#reject(current, message);
    if (message.name === packTask) return this.#beginPack(current, message);
    return this.#take(current, message);
  }

  #take(current: Current, message: Message): Promise<void> | undefined {
    current.message = message;
    const { ended } = marksOf(current.job);
    if (ended !== undefined) return this.#endAgain(current, message, ended);
    this.#place.counts.received(message.name);
    this.#place.events.received(message, current.queue, current.job.attemptsMade);
    this.#hooks.received(message, at(current));
    return this.#attempt(current, message);
  }

  /** A call that has failed in a pack comes to be kept with the failed ones. */
  async #endAgain(current: Current, message: Message, ended: string): Promise<void> {
    const { refusals, connection } = this.#place;
    const { job, lock } = current;
    const outcome = parseOutcome(ended);
    // Whoever retries it, by whatever means, wants it to run.
    const key = `${job.queueQualifiedName}:${job.id}`;
    await underLock(lock, refusals, 'to note something of a task', () =>
      connection.hdel(key, markFields.ended),
    );
    return this.#endings.again(current, message, outcome);
  }

  /** A pack is none of the tasks that run here: its calls are. */
  #beginPack(current: Current, pack: Message): Promise<void> | undefined {
    this.#current.delete(current);
    try {
      return this.#packs.begin(current, pack);
    } catch (error) {
      if (isDecision(error)) throw error;
      return this.#reject(current, error);
    }
  }

  /**
   * Revokes a task that is here: its signal fires, and where it is to be terminated it is ended.
   *
   * @returns whether it is here
   */
  revoke(id: string, by: Revoked): boolean {
    for (const current of this.#current) {
      if (current.message?.id !== id) continue;
      current.revoked = by;
      current.performance?.abort(new TaskRevokedError(by.reason));
      if (by.kind === 'terminated') current.performance?.cut({ kind: 'revoked', by });
      return true;
    }
    return this.#packs.revoke(id, by);
  }

  /**
   * Ends everything that runs, and lets nothing start any more: tasks go back to their queues, for
   * other workers. One that may run only once has been lost.
   */
  withdrawAll(): void {
    this.#withdrawn = true;
    for (const current of this.#current) this.#withdraw(current);
  }

  #withdraw({ message, performance, began }: Current): void {
    // What has not begun is put back when it would.
    if (!message || !performance) return;
    performance.abort(new Error('the worker was told to stop at once'));
    const definition = findDefinition(this.#place.app.tasks, message);
    if (!definition?.execution.atMostOnce || began === 0)
      return performance.cut({ kind: 'requeue' });
    const error = new WorkerLostError(
      `the worker of task ${message.name}[${message.id}] was stopped while it ran, and it may run only once`,
    );
    return performance.cut({ kind: 'fail', error });
  }

  /** Decides what is to be done with a message, and does it. */
  #attempt(current: Current, message: Message): Promise<void> | undefined {
    const { job } = current;
    const { revoked: mark } = marksOf(job);
    if (mark !== undefined) return this.#endings.revoke(current, message, revokedByText(mark));
    if (this.#place.rules.match(message)) {
      const by = revokedBy({ reason: 'a rule revokes it' });
      return this.#endings.revoke(current, message, by);
    }
    if (job.stalledCounter > 0) return this.#attemptAgain(current, message);
    if (message.once) return this.#attemptStep(current, message);
    return this.#attemptNow(current, message);
  }

  #attemptNow(current: Current, message: Message): Promise<void> | undefined {
    if (message.expires !== undefined && message.expires <= this.#clock.now())
      return this.#endings.revoke(current, message, expired);
    const definition = findDefinition(this.#place.app.tasks, message);
    if (definition) {
      const freed = freeKey(current.job, message, this.#place.log);
      if (freed) return freed.then(() => this.#runWithin(current, message, definition));
      return this.#place.limits.limits(message.name, definition)
        ? this.#runWithin(current, message, definition)
        : this.#run(current, message, definition);
    }
    const { app, worker } = this.#place;
    const error = unknownTask(message, current.queue, app, worker);
    this.#hooks.unknown(message, at(current), error);
    this.#place.events.failed(message, error);
    this.#place.log.error({ task: message.name, id: message.id }, error.message);
    return this.#endings.refuse(current, message, error);
  }

  /** A step of a canvas may be sent twice: once it has ended, all that is left is what follows it. */
  async #attemptStep(current: Current, message: Message): Promise<void> {
    const ended = await this.#outcomes.recorded(message.id);
    if (ended) return this.#endings.again(current, message, ended);
    let complete: Message;
    try {
      complete = await this.#sequel.complete(message);
    } catch (error) {
      return this.#endings.refuse(current, message, error);
    }
    return this.#attemptNow(current, complete);
  }

  /** The last worker of this task died, maybe after it stored the result and before it said so. */
  async #attemptAgain(current: Current, message: Message): Promise<void> {
    const { job } = current;
    this.#place.counts.redelivered(message.name);
    const ended = await this.#outcomes.recorded(message.id);
    if (ended) return this.#endings.again(current, message, ended);
    const definition = findDefinition(this.#place.app.tasks, message);
    if (definition?.execution.atMostOnce || job.stalledCounter > mostCrashes)
      return this.#endings.lose(current, message);
    if (message.once) return this.#attemptStep(current, message);
    return this.#attemptNow(current, message);
  }

  /** Runs a task when its limits let it start. */
  async #runWithin(current: Current, message: Message, definition: Definition): Promise<void> {
    const { limits } = this.#place;
    let asked: LimitKeys;
    try {
      asked = keysOf(message, definition);
    } catch (error) {
      return this.#endings.fail(current, message, error);
    }
    const leave = await limits.admit(current, message, definition, asked);
    try {
      await this.#run(current, message, definition);
    } finally {
      // A worker that dies here, or has no Redis, leaves it to a sweep.
      await leave?.().catch(() => undefined);
    }
  }

  #run(current: Current, message: Message, definition: Definition): Promise<void> | undefined {
    if (this.#withdrawn) return this.#endings.putBack(current);
    const { job, queue, revoked } = current;
    // While it waited for its limits, say.
    if (revoked !== undefined) return this.#endings.revoke(current, message, revoked);
    const retries = job.attemptsMade;
    const { overrides, timeLimit } = this.#place;
    const limit = timeLimitOf(message, definition, overrides.get(message.name), timeLimit);
    if (definition.batch?.kind === 'gather') {
      const member = this.#gatherings.join(current, message, definition, definition.batch, limit);
      return this.#runTogether(current, member);
    }
    this.#start(current, message);
    const began = performance.now();
    const pool = this.#place.pools.for(definition, suspicionOf(job));
    const text = message === current.message ? textOf(job) : undefined;
    const { hard, soft } = limit;
    current.running = message;
    const performed = pool.start({ message, text, definition, queue, retries, limit: hard, soft });
    current.performance = performed;
    // Waiting for a child is not the task's own time.
    if (performed.begun) current.began = 0;
    const { report } = performed;
    if (report instanceof Promise)
      return this.#outlast(current, message, definition, performed, limit, began);
    const took = performance.now() - began;
    return this.#endings.of(current, message, definition, performed, report, took);
  }

  /** A run begins. */
  #start(current: Current, message: Message): void {
    const { counts, events } = this.#place;
    events.started(message, current.job.attemptsMade);
    current.began = this.#clock.now();
    counts.started(message.name, current.queue, waitOf(current, message));
  }

  /** Waits for a task that runs together with others. */
  async #runTogether(current: Current, member: Member): Promise<void> {
    current.performance = member;
    const report = await member.report;
    const { message, definition, took } = member;
    await this.#endings.of(current, message, definition, member, report, took);
  }

  /** Lets no task wait for others like it any more. */
  hurry(): void {
    this.#gatherings.hurry();
  }

  /** Waits for a task that is not done when its function returns. */
  async #outlast(
    current: Current,
    message: Message,
    definition: Definition,
    performed: Performance,
    limit: TimeLimit,
    since: number,
  ): Promise<void> {
    const { attemptsMade } = current.job;
    let began = since;
    let endWatch: (() => void) | undefined;
    const watch = (): void => {
      if (limit.hard > 0 || limit.soft > 0)
        endWatch = limitTime(performed, limit, message, definition, attemptsMade);
    };
    if (performed.begun) {
      void performed.begun.then(() => {
        current.began = this.#clock.now();
        began = performance.now();
        watch();
      });
    } else watch();
    const report: Report = await performed.report;
    endWatch?.();
    try {
      const took = performance.now() - began;
      await this.#endings.of(current, message, definition, performed, report, took);
    } finally {
      performed.over?.();
    }
  }

  #reject(current: Current, error: unknown): Promise<never> {
    const { job } = current;
    const id = job.id ?? '';
    const data: unknown = job.data;
    const reply =
      typeof data === 'object' && data !== null && 'reply' in data ? data.reply : undefined;
    this.#place.log.error({ id, err: error }, 'message rejected; it is kept with the failed tasks');
    const message: Message = {
      id,
      name: String(job.name),
      args: [],
      ...(typeof reply === 'string' && { reply }),
    };
    this.#hooks.rejected(message, at(current), error);
    this.#place.events.rejected(message, error, false);
    this.#place.counts.refused += 1;
    return this.#endings.refuse(current, message, error);
  }
}

/** What says where a job goes; all else is the worker's own trouble with it, which no task fails of. */
const isDecision = (error: unknown): boolean =>
  error instanceof FailedRun ||
  error instanceof LockLost ||
  error instanceof GivenUp ||
  error instanceof bullmq.WaitingError ||
  error instanceof bullmq.DelayedError;

/** How long a task waited from when it was due, in milliseconds; nothing where it has run before. */
function waitOf({ job, began }: Current, { eta }: Message): number | undefined {
  return job.attemptsMade > 0 || job.stalledCounter > 0
    ? undefined
    : Math.max(0, began - (eta ?? job.timestamp));
}
