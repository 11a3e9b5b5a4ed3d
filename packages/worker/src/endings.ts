/** What becomes of a task that has run, or cannot. */
import {
  clockOf,
  type Definition,
  isEncodeFailure,
  type Message,
  type Outcome,
  type ServerClock,
} from '@dtask/core/internal';
import { BrokerError, TaskRevokedError, WorkerLostError } from '@dtask/core';
import { bullmq } from './bullmq.js';
import { changeArguments, encodeArguments } from './change-arguments.js';
import { at, type Current } from './current.js';
import type { ExecutorPlace } from './executor-place.js';
import { FailedRun } from './failed-run.js';
import { giveBack } from './give-back.js';
import { countCrash } from './held-job.js';
import type { HookCalls } from './hook-calls.js';
import { marksOf } from './marks.js';
import type { Outcomes } from './outcomes.js';
import { countPacked, isPacked } from './pack/packed-job.js';
import type { Performance } from './pool/pool.js';
import { isOfOneTask, isRefusal } from './refusals.js';
import type { Report } from './report.js';
import type { Revoked } from './revoked.js';
import { childrenOf, hasSequel, type Sequel } from './sequel.js';
import { underLock } from './under-lock.js';

/** Tells the hooks of an end, when that is stored and `carried` is done, which follows it. */
type Tell = (report: Report, carried?: Promise<void>) => Promise<void> | undefined;

/** What each of them returns decides where BullMQ puts the job: nothing completes it. */
export class Endings {
  readonly #place: ExecutorPlace;
  readonly #outcomes: Outcomes;
  readonly #clock: ServerClock;
  readonly #sequel: Sequel;
  readonly #hooks: HookCalls;

  constructor(place: ExecutorPlace, outcomes: Outcomes, sequel: Sequel, hooks: HookCalls) {
    this.#place = place;
    this.#hooks = hooks;
    this.#outcomes = outcomes;
    this.#clock = clockOf(place.connection);
    this.#sequel = sequel;
  }

  /** Ends a task as its run did. */
  of(
    current: Current,
    message: Message,
    definition: Definition,
    performance: Performance,
    report: Report,
    took: number,
  ): Promise<void> | undefined {
    this.#place.counts.ran(message.name, took, current.revoked === undefined && report.kind);
    const stored = (): Promise<void> => this.#outcomes.stored(current);
    const tell: Tell = (told, carried) =>
      this.#hooks.concluded(definition, performance, told, stored, carried);
    if (report.kind === 'value')
      return this.#succeed(current, message, performance, report, took, tell);
    // What it threw when it was told to end is beside the point.
    if (current.revoked !== undefined) return this.revoke(current, message, current.revoked);
    switch (report.kind) {
      case 'replace':
        return this.#replace(current, message, report, tell);
      case 'fail':
        return this.fail(current, message, report.error, tell);
      case 'ignore':
        this.#place.log.info({ task: message.name, id: message.id }, 'task ignored');
        this.#place.events.left('task-ignored', message);
        return tell(
          report,
          this.#end(current, message, this.#outcomes.make(message, 'IGNORED', retriesOf(current))),
        );
      case 'requeue':
        return this.#requeue(current, message, performance, report, tell);
      case 'retry':
        return this.#retry(current, message, report, tell);
      case 'revoked':
        return this.revoke(current, message, report.by);
      case 'crashed':
        return this.#crash(current, message, definition, report, tell);
    }
  }

  /** Ends a task as failed, and keeps its job with the failed ones. */
  fail(current: Current, message: Message, error: unknown, tell?: Tell): Promise<never> {
    this.#place.log.failed(message, error);
    this.#place.events.failed(message, error);
    current.job.opts.attempts = 0;
    return this.#endBadly(
      current,
      message,
      this.#outcomes.make(message, 'FAILURE', retriesOf(current), undefined, error),
      tell,
    );
  }

  /** Fails a message that cannot be run at all. */
  refuse(current: Current, message: Message, error: unknown): Promise<never> {
    current.job.opts.attempts = 0;
    const outcome = this.#outcomes.make(message, 'FAILURE', 0, undefined, error);
    return this.#endBadly(current, message, outcome);
  }

  /** Ends a task as revoked. */
  revoke(current: Current, message: Message, { kind, reason }: Revoked): Promise<void> | undefined {
    this.#hooks.revoked(message, at(current), kind);
    this.#place.events.revoked(message, reason, {
      expired: kind === 'expired',
      terminated: kind === 'terminated',
    });
    this.#place.log.warn({ task: message.name, id: message.id }, `task revoked: ${reason}`);
    return this.#end(
      current,
      message,
      this.#outcomes.make(message, 'REVOKED', 0, undefined, new TaskRevokedError(reason)),
    );
  }

  /** What has ended ends again as it did: its worker died before it could say so. */
  async again({ job, lock }: Current, message: Message, outcome: Outcome): Promise<void> {
    lock.check();
    if (hasSequel(message)) await this.#sequel.of(message, outcome);
    if (outcome.state !== 'FAILURE') return;
    job.opts.attempts = 0;
    throw new FailedRun(outcome.error, outcome);
  }

  #succeed(
    current: Current,
    message: Message,
    performance: Performance,
    report: Extract<Report, { kind: 'value' }>,
    took: number,
    tell: Tell,
  ): Promise<void> | undefined {
    const retries = retriesOf(current);
    const children = childrenOf(message, performance);
    const { value } = report;
    const outcome = this.#outcomes.make(message, 'SUCCESS', retries, value, undefined, children);
    try {
      this.#outcomes.store(current, message, outcome);
    } catch (error) {
      if (!isEncodeFailure(error)) throw error;
      // Another run would return the same.
      return this.fail(current, message, error, tell);
    }
    this.#place.log.succeeded(message, took);
    this.#place.events.succeeded(message, report.value, took);
    return tell(report, hasSequel(message) ? this.#carryOn(current, message, outcome) : undefined);
  }

  /** A canvas takes the task's place. Run again, the task sends the same one. */
  async #replace(
    current: Current,
    message: Message,
    report: Extract<Report, { kind: 'replace' }>,
    tell: Tell,
  ): Promise<void> {
    const outcome = this.#outcomes.make(message, 'REPLACED', retriesOf(current));
    // Or it might come behind the end of what takes its place; and only who has the job sends that.
    this.#outcomes.store(current, message, outcome, true);
    await this.#outcomes.stored(current);
    try {
      await this.#sequel.replace(message, report.node);
    } catch (error) {
      return this.fail(current, message, error, tell);
    }
    this.#place.events.left('task-replaced', message);
    return tell(report);
  }

  async #requeue(
    current: Current,
    { name, id }: Message,
    performance: Performance,
    report: Report,
    tell: Tell,
  ): Promise<never> {
    const { log, events } = this.#place;
    log.info({ task: name, id }, 'back to its queue');
    events.rejected({ name, id }, performance.run?.thrown, true);
    await tell(report);
    return this.putBack(current);
  }

  /** Puts a task back into its queue, for whoever takes it next. */
  async putBack({ job, lock }: Current): Promise<never> {
    const { refusals, connection } = this.#place;
    await underLock(lock, refusals, 'to have a task back', () =>
      giveBack(job, lock.token, connection),
    );
    // BullMQ then leaves the job alone.
    throw new bullmq.WaitingError();
  }

  async #retry(
    current: Current,
    message: Message,
    report: Extract<Report, { kind: 'retry' }>,
    tell: Tell,
  ): Promise<void> {
    const { due, error, args } = report;
    const wait = due === undefined ? report.wait : Math.max(0, due - this.#clock.now());
    this.#place.log.retried(message, wait, error);
    this.#place.events.retried(message, retriesOf(current), wait, error);
    const { job } = current;
    if (args) {
      const { maxPayload } = this.#place.app.config;
      const encoded = encodeArguments(message, args, maxPayload);
      if ('unsent' in encoded) return this.fail(current, message, encoded.unsent, tell);
      if (isPacked(job)) job.args = encoded.args;
      else await changeArguments(this.#place, current.lock, encoded.args);
    }
    await tell(report);
    if (current.revoked !== undefined) return this.revoke(current, message, current.revoked);
    // BullMQ counts the attempt, keeps the time, and fetches the next job in the same command.
    job.opts.attempts = Number.MAX_SAFE_INTEGER;
    job.opts.backoff = { type: 'fixed', delay: wait };
    throw new FailedRun(error);
  }

  /** The process that the task ran in has died: of it, or of one that it shared the process with. */
  async #crash(
    current: Current,
    message: Message,
    { execution }: Definition,
    { how, shared = false }: Extract<Report, { kind: 'crashed' }>,
    tell: Tell,
  ): Promise<never> {
    const { job } = current;
    const { log } = this.#place;
    if (shared) {
      await countCrash(this.#place, current.lock, 'sharedCrashes');
      this.#place.counts.redelivered(message.name);
      this.#place.events.rejected(message, new WorkerLostError(`its process died: ${how}`), true);
      log.warn(
        { task: message.name, id: message.id },
        `one of the tasks that ran together killed their process (${how}); it runs again, alone`,
      );
      return this.putBack(current);
    }
    const counted = countPacked(job) ?? (await countCrash(this.#place, current.lock, 'crashes'));
    const crashes = counted + marksOf(job).sharedCrashes + (job.stalledCounter > 0 ? 1 : 0);
    const task = `task ${message.name}[${message.id}]`;
    if (execution.atMostOnce || crashes >= execution.maxCrashes) {
      const times = crashes === 1 ? 'once' : `${crashes} times`;
      const error = new WorkerLostError(`${task} has killed its process ${times}: ${how}`);
      return this.fail(current, message, error, tell);
    }
    this.#place.counts.redelivered(message.name);
    this.#place.events.rejected(message, new WorkerLostError(`its process died: ${how}`), true);
    log.warn(
      { task: message.name, id: message.id },
      `the task killed its process (${how}), crash ${crashes} of at most ${execution.maxCrashes}; it runs again`,
    );
    return this.putBack(current);
  }

  /** What became of a task whose worker died, and which is not to run twice. */
  lose(current: Current, message: Message): Promise<never> {
    const { stalledCounter } = current.job;
    const crashes = stalledCounter + marksOf(current.job).crashes;
    const task = `task ${message.name}[${message.id}]`;
    const times = crashes === 1 ? '' : `${crashes} times `;
    return this.fail(
      current,
      message,
      new WorkerLostError(
        `the worker of ${task} was lost ${times}while it ran: the process died, or could not renew the task's lock in time`,
      ),
    );
  }

  /**
   * The worker could not do what it is to do with a job: that is no failure of the task. Where Redis
   * was in the way, the task goes back to its queue; anything else would come again there, so what has
   * not ended ends with it.
   */
  async stumble(current: Current, error: unknown): Promise<never> {
    const { job, written } = current;
    const { id = '', name } = job;
    const { log, refusals } = this.#place;
    if (isRefusal(error) || (error instanceof BrokerError && !isOfOneTask(error))) {
      await refusals.pause([id], 'what a task needs', error, job.attemptsStarted);
      refusals.settled([id]);
      return this.putBack(current);
    }
    log.error({ task: name, id, err: error }, 'the worker could not carry a task on');
    job.opts.attempts = 0;
    if (written?.isEnd) throw new FailedRun(error);
    return this.fail(current, current.message ?? { id, name, args: [] }, error);
  }

  /** Does what follows a task, once its end is stored. */
  async #carryOn(current: Current, message: Message, outcome: Outcome): Promise<void> {
    await this.#outcomes.stored(current);
    await this.#sequel.of(message, outcome);
  }

  /** Stores an end, and does what follows it. */
  #end(current: Current, message: Message, outcome: Outcome): Promise<void> | undefined {
    this.#outcomes.store(current, message, outcome);
    return hasSequel(message) ? this.#carryOn(current, message, outcome) : undefined;
  }

  /** Ends a job as failed; the error of the task is in its result. */
  async #endBadly(
    current: Current,
    message: Message,
    outcome: Outcome,
    tell?: Tell,
  ): Promise<never> {
    const { error } = outcome;
    const carried = this.#end(current, message, outcome);
    await (tell ? tell({ kind: 'fail', error }, carried) : carried);
    throw new FailedRun(error, outcome);
  }
}

const retriesOf = ({ job }: Current): number => job.attemptsMade;
