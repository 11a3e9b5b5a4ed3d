/** What becomes of a task that has run, or cannot. */
import type { Job } from 'bullmq';
import {
  type Definition,
  encodeMessage,
  isEncodeFailure,
  jobKey,
  type Message,
  type Outcome,
  type Replace,
} from '@dtask/core/internal';
import { TaskRevokedError, WorkerLostError } from '@dtask/core';
import { bullmq } from './bullmq.js';
import type { Current } from './current.js';
import type { ExecutorPlace } from './executor-place.js';
import { FailedRun } from './failed-run.js';
import { markFields, marksOf } from './marks.js';
import type { Outcomes } from './outcomes.js';
import type { Performance } from './pool/pool.js';
import type { Report } from './report.js';
import { childrenOf, hasSequel, type Sequel } from './sequel.js';

/** What each of them returns decides where BullMQ puts the job: nothing completes it. */
export class Endings {
  readonly #place: ExecutorPlace;
  readonly #outcomes: Outcomes;
  readonly #sequel: Sequel;

  constructor(place: ExecutorPlace, outcomes: Outcomes, sequel: Sequel) {
    this.#place = place;
    this.#outcomes = outcomes;
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
    if (report.kind === 'value')
      return this.#succeed(current, message, performance, report.value, took);
    // What it threw when it was told to end is beside the point.
    if (current.revoked !== undefined) return this.revoke(message, current.revoked);
    switch (report.kind) {
      case 'replace':
        return this.#replace(current, message, report.node);
      case 'fail':
        return this.fail(current, message, report.error);
      case 'ignore':
        this.#place.log.info({ task: message.name, id: message.id }, 'task ignored');
        return this.#end(message, this.#outcomes.make(message, 'IGNORED', retriesOf(current)));
      case 'requeue':
        return this.#requeue(current, message);
      case 'retry':
        return this.#retry(current, message, report);
      case 'revoked':
        return this.revoke(message, report.reason);
      case 'crashed':
        return this.#crash(current, message, definition, report.how);
    }
  }

  /** Ends a task as failed, and keeps its job with the failed ones. */
  fail(current: Current, message: Message, error: unknown): Promise<never> {
    this.#place.log.failed(message, error);
    current.job.opts.attempts = 0;
    return this.#endBadly(
      message,
      this.#outcomes.make(message, 'FAILURE', retriesOf(current), undefined, error),
    );
  }

  /** Fails a message that cannot be run at all. */
  refuse(job: Job, message: Message, error: unknown): Promise<never> {
    job.opts.attempts = 0;
    return this.#endBadly(message, this.#outcomes.make(message, 'FAILURE', 0, undefined, error));
  }

  /** Ends a task as revoked. */
  revoke(message: Message, reason: string): Promise<void> | undefined {
    this.#place.log.warn({ task: message.name, id: message.id }, `task revoked: ${reason}`);
    return this.#end(
      message,
      this.#outcomes.make(message, 'REVOKED', 0, undefined, new TaskRevokedError(reason)),
    );
  }

  /** What has ended ends again as it did: its worker died before it could say so. */
  async again(job: Job, message: Message, outcome: Outcome): Promise<void> {
    await this.#carryOn(message, outcome);
    if (outcome.state !== 'FAILURE') return;
    job.opts.attempts = 0;
    throw new FailedRun(outcome.error, outcome);
  }

  #succeed(
    current: Current,
    message: Message,
    performance: Performance,
    value: unknown,
    took: number,
  ): Promise<void> | undefined {
    const outcome = {
      ...this.#outcomes.make(message, 'SUCCESS', retriesOf(current), value),
      children: childrenOf(message, performance),
    };
    try {
      this.#outcomes.store(message, outcome);
    } catch (error) {
      if (!isEncodeFailure(error)) throw error;
      // Another run would return the same.
      return this.fail(current, message, error);
    }
    this.#place.log.succeeded(message, took);
    return hasSequel(message) ? this.#carryOn(message, outcome) : undefined;
  }

  /** A canvas takes the task's place. Run again, the task sends the same one. */
  async #replace(current: Current, message: Message, node: Replace['node']): Promise<void> {
    this.#outcomes.store(message, this.#outcomes.make(message, 'REPLACED', retriesOf(current)));
    // Or it might come behind the end of what takes its place.
    await this.#outcomes.writer.stored();
    try {
      await this.#sequel.replace(message, node);
    } catch (error) {
      return this.fail(current, message, error);
    }
  }

  #requeue(current: Current, { name, id }: Message): Promise<never> {
    this.#place.log.info({ task: name, id }, 'back to its queue');
    return this.putBack(current);
  }

  /** Puts a task back into its queue, for whoever takes it next. */
  async putBack({ job, token }: Current): Promise<never> {
    try {
      await job.moveToWait(token);
    } catch (error) {
      // Without Redis, or without its lock, the task is found as stalled and runs again.
      this.#place.log.warn({ task: job.name, id: job.id, err: error }, 'not handed back at once');
    }
    // BullMQ then leaves the job alone.
    throw new bullmq.WaitingError();
  }

  async #retry(
    current: Current,
    message: Message,
    { wait, error, args }: Extract<Report, { kind: 'retry' }>,
  ): Promise<never> {
    this.#place.log.retried(message, wait, error);
    const { job } = current;
    if (args) {
      const unsent = await this.#changeArguments(job, message, args);
      if (unsent) return this.fail(current, message, unsent);
    }
    // BullMQ counts the attempt, keeps the time, and fetches the next job in the same command.
    job.opts.attempts = Number.MAX_SAFE_INTEGER;
    job.opts.backoff = { type: 'fixed', delay: wait };
    throw new FailedRun(error);
  }

  /** The task killed the process that it ran in, and nobody else did. */
  async #crash(
    current: Current,
    message: Message,
    { execution }: Definition,
    how: string,
  ): Promise<never> {
    const { job } = current;
    const { connection, app, log } = this.#place;
    const key = jobKey(app.config.prefix, current.queue, message.id);
    const crashes =
      (await connection.hincrby(key, markFields.crashes, 1)) + (job.stalledCounter > 0 ? 1 : 0);
    const task = `task ${message.name}[${message.id}]`;
    if (execution.atMostOnce || crashes >= execution.maxCrashes) {
      const times = crashes === 1 ? 'once' : `${crashes} times`;
      const error = new WorkerLostError(`${task} has killed its process ${times}: ${how}`);
      return this.fail(current, message, error);
    }
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
    return this.fail(
      current,
      message,
      new WorkerLostError(
        `the worker process of ${task} died ${crashes === 1 ? '' : `${crashes} times `}while it ran`,
      ),
    );
  }

  /** Does what follows a task, once its end is stored. */
  async #carryOn(message: Message, outcome: Outcome): Promise<void> {
    if (!hasSequel(message)) return;
    await this.#outcomes.writer.stored();
    await this.#sequel.of(message, outcome);
  }

  /** Stores an end, and does what follows it. */
  #end(message: Message, outcome: Outcome): Promise<void> | undefined {
    this.#outcomes.store(message, outcome);
    return hasSequel(message) ? this.#carryOn(message, outcome) : undefined;
  }

  /** Ends a job as failed; the error of the task is in its result. */
  #endBadly(message: Message, outcome: Outcome): Promise<never> {
    const failed = new FailedRun(outcome.error, outcome);
    const carried = this.#end(message, outcome);
    if (!carried) return Promise.reject(failed);
    return carried.then(() => {
      throw failed;
    });
  }

  /** Gives the error of arguments that cannot travel. */
  async #changeArguments(job: Job, message: Message, args: readonly unknown[]): Promise<unknown> {
    let text: string;
    try {
      // The values of a group are among them now.
      const { from: _from, only: _only, ...rest } = message;
      text = encodeMessage({ ...rest, args }, this.#place.app.config.maxPayload);
    } catch (error) {
      if (isEncodeFailure(error)) return error;
      throw error;
    }
    await job.updateData(JSON.parse(text) as object);
    return undefined;
  }
}

const retriesOf = ({ job }: Current): number => job.attemptsMade;
