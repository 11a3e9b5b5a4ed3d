/** Executes a job: decode, resolve, run, judge, store. */
import type { Job } from 'bullmq';
import {
  type Definition,
  encodeMessage,
  findDefinition,
  isEncodeFailure,
  isPromiseLike,
  type Message,
  type Outcome,
  type OutcomeWriter,
  Replace,
  runTask,
} from '@dtask/core/internal';
import { BrokerError, MessageRejectedError, TaskRevokedError, UnknownTaskError } from '@dtask/core';
import { bullmq } from './bullmq.js';
import type { Current } from './current.js';
import type { ExecutorPlace } from './executor-place.js';
import { FailedRun, lost } from './failed-run.js';
import { judgeSafely } from './judge-safely.js';
import { Outcomes } from './outcomes.js';
import { readMessage } from './read-message.js';
import { Run, type RunPlace } from './run.js';
import { childrenOf, hasSequel, originOf, Sequel } from './sequel.js';
import { Slots } from './slots.js';

/**
 * How often a task may be found without a living worker. A task that kills its process takes
 * others with it, which must not pay for it: so this ends endless crashing, and nothing less.
 */
const mostCrashes = 10;

/** Turns jobs into outcomes, as many at a time as there are slots. */
export class Executor {
  readonly #place: ExecutorPlace;
  readonly #slots: Slots;
  readonly #outcomes: Outcomes;
  readonly #current = new Set<Current>();
  readonly #runs: RunPlace;
  readonly #sequel: Sequel;

  constructor(place: ExecutorPlace) {
    this.#place = place;
    this.#slots = new Slots(place.concurrency);
    this.#sequel = new Sequel(place.app, place.log);
    this.#outcomes = new Outcomes(place);
    this.#runs = {
      worker: place.worker,
      logger: place.log,
      report: (message, outcome) => {
        this.#outcomes.store(message, outcome);
        place.events.progress(message, outcome);
        return new Promise((resolve) => this.writer.follow(resolve));
      },
      lend: () => {
        this.#slots.release();
        place.onRoom(1);
      },
      takeBack: () => {
        this.#slots.takeBack();
        place.onRoom(-1);
      },
      grow: (message, join, part, name) =>
        place.app.canvases.grow(join, part.node, name, originOf(message)),
    };
  }

  /** Writes the outcomes, and behind them what ends the jobs. */
  get writer(): OutcomeWriter {
    return this.#outcomes.writer;
  }

  /** What is executed now. */
  get current(): ReadonlySet<Current> {
    return this.#current;
  }

  /** How many jobs are executed now. */
  get running(): number {
    return this.#current.size;
  }

  /**
   * Executes a job; what it throws decides where BullMQ puts the job. Gives a promise only where
   * there is something to wait for: the task of a function that is not async has ended by then.
   */
  execute(job: Job, token: string, queue: string): Promise<void> | undefined {
    const current: Current = { job, token, queue, run: undefined, handedBack: false };
    this.#current.add(current);
    let ended: Promise<void> | undefined;
    try {
      const free = this.#slots.take();
      ended = free ? free.then(() => this.#begin(current)) : this.#begin(current);
      if (ended) return this.#ending(current, ended);
    } finally {
      if (!ended) this.#leave(current);
    }
    return undefined;
  }

  async #ending(current: Current, ended: Promise<void>): Promise<void> {
    try {
      await ended;
    } catch (error) {
      // What follows the task can only be sent by a worker whose App is open.
      if (!(error instanceof BrokerError && this.#place.app.closed)) throw error;
      await this.#handBack(current);
    } finally {
      this.#leave(current);
    }
    // BullMQ then leaves the job alone.
    if (current.handedBack) throw new bullmq.WaitingError();
  }

  #leave(current: Current): void {
    this.#slots.release();
    this.#current.delete(current);
  }

  #begin(current: Current): Promise<void> | undefined {
    const message = readMessage(current.job);
    if (message instanceof Error) return this.#reject(current.job, message);
    return this.#attempt(current, message);
  }

  /** Puts everything that runs back into its queue, for other workers. The code itself goes on. */
  async handBackAll(): Promise<void> {
    await Promise.all([...this.#current].map((current) => this.#handBack(current)));
  }

  async #handBack(current: Current): Promise<void> {
    const { job, token, run } = current;
    current.handedBack = true;
    run?.abort(new Error('the worker was told to stop at once'));
    try {
      await job.moveToWait(token);
    } catch (error) {
      // Without Redis, or without its lock, the task is found as stalled and runs again.
      this.#place.log.warn({ task: job.name, id: job.id, err: error }, 'not handed back at once');
    }
  }

  /** Decides what is to be done with a message, and does it. */
  #attempt(current: Current, message: Message): Promise<void> | undefined {
    const { job } = current;
    if (current.handedBack) return undefined;
    if (job.stalledCounter > 0) return this.#attemptAgain(current, message);
    if (message.once) return this.#attemptStep(current, message);
    return this.#attemptNow(current, message);
  }

  #attemptNow(current: Current, message: Message): Promise<void> | undefined {
    const { job, queue } = current;
    if (message.expires !== undefined && message.expires <= Date.now())
      return this.#revoke(message, 'expired');
    if (this.#place.rules.match(message)) return this.#revoke(message, 'a rule revokes it');
    const definition = findDefinition(this.#place.app.tasks, message);
    if (definition) return this.#run(current, message, definition);
    return this.#refuse(job, message, this.#unknown(message, queue));
  }

  /** A step of a canvas may be sent twice: once it has ended, all that is left is what follows it. */
  async #attemptStep(current: Current, message: Message): Promise<void> {
    const ended = await this.#outcomes.recorded(message.id);
    if (ended) return this.#endAgain(current.job, message, ended);
    let complete: Message;
    try {
      complete = await this.#sequel.complete(message);
    } catch (error) {
      return this.#refuse(current.job, message, error);
    }
    return this.#attemptNow(current, complete);
  }

  /** The last worker of this task died, maybe after it stored the result and before it said so. */
  async #attemptAgain(current: Current, message: Message): Promise<void> {
    const { job } = current;
    const ended = await this.#outcomes.recorded(message.id);
    if (ended) return this.#endAgain(current.job, message, ended);
    if (job.stalledCounter > mostCrashes) return this.#refuse(job, message, lost(message, job));
    job.stalledCounter = 0;
    return this.#attempt(current, message);
  }

  #run(current: Current, message: Message, definition: Definition): Promise<void> | undefined {
    const run = new Run(message, current.job.attemptsMade, current.queue, this.#runs);
    current.run = run;
    this.#place.events.received(message, current.queue, run.retries);
    this.#place.events.started(message, run.retries);
    const began = performance.now();
    let returned: unknown;
    try {
      returned = runTask(definition, run);
    } catch (thrown) {
      run.end();
      return this.#follow(current, message, run, thrown, definition);
    }
    if (isPromiseLike(returned))
      return this.#outlast(current, message, definition, returned, began);
    run.end();
    return this.#succeed(message, run, returned, began);
  }

  /** Waits for a task that is not done when its function returns. */
  async #outlast(
    current: Current,
    message: Message,
    definition: Definition,
    returned: PromiseLike<unknown>,
    began: number,
  ): Promise<void> {
    const run = current.run as Run;
    let value: unknown;
    try {
      value = await run.outlast(returned);
    } catch (thrown) {
      run.end();
      if (!current.handedBack) await this.#follow(current, message, run, thrown, definition);
      return;
    }
    run.end();
    if (!current.handedBack) await this.#succeed(message, run, value, began);
  }

  #reject(job: Job, error: unknown): Promise<never> {
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
    return this.#refuse(job, message, error);
  }

  #unknown({ name }: Message, queue: string): UnknownTaskError {
    const names = this.#place.app.tasks.names();
    return new UnknownTaskError(
      `worker ${this.#place.worker} has no task ${name}, and took it from queue ${queue}; it has ${names.length > 10 ? `${names.length} others, such as ` : ''}${names.slice(0, 10).join(', ') || 'none'}. Is its module imported, or named by the app's include?`,
    );
  }

  /** Fails a message that cannot be run at all. */
  #refuse(job: Job, message: Message, error: unknown): Promise<never> {
    if (error instanceof UnknownTaskError) {
      this.#place.log.error({ task: message.name, id: message.id }, error.message);
    }
    if (error instanceof MessageRejectedError) this.#place.events.rejected(message, error, false);
    else this.#place.events.failed(message, error);
    job.opts.attempts = 0;
    return this.#endBadly(message, this.#outcomes.make(message, 'FAILURE', 0, undefined, error));
  }

  /** Ends a message that is not to be run any more. */
  #revoke(message: Message, reason: string): Promise<void> | undefined {
    const expired = reason === 'expired';
    const said = expired ? 'task expired before it could start' : `task not started: ${reason}`;
    this.#place.log.warn({ task: message.name, id: message.id }, said);
    this.#place.events.revoked(message, reason, { expired });
    const error = new TaskRevokedError(reason);
    return this.#end(message, this.#outcomes.make(message, 'REVOKED', 0, undefined, error));
  }

  /** What has ended ends again as it did: its worker died before it could say so. */
  async #endAgain(job: Job, message: Message, outcome: Outcome): Promise<void> {
    await this.#carryOn(message, outcome);
    if (outcome.state !== 'FAILURE') return;
    job.opts.attempts = 0;
    throw new FailedRun(outcome.error);
  }

  /** Does what follows a task, once its end is stored. */
  async #carryOn(message: Message, outcome: Outcome): Promise<void> {
    if (!hasSequel(message)) return;
    await this.writer.stored();
    await this.#sequel.of(message, outcome);
  }

  /** Stores an end, and does what follows it. */
  #end(message: Message, outcome: Outcome): Promise<void> | undefined {
    this.#outcomes.store(message, outcome);
    return hasSequel(message) ? this.#carryOn(message, outcome) : undefined;
  }

  /** Ends a job as failed; the error of the task is in its result. */
  #endBadly(message: Message, outcome: Outcome): Promise<never> {
    const failed = new FailedRun(outcome.error);
    const carried = this.#end(message, outcome);
    if (!carried) throw failed;
    return carried.then(() => {
      throw failed;
    });
  }

  /** A canvas takes the task's place. Run again, the task sends the same one. */
  async #replace(message: Message, run: Run, { node }: Replace): Promise<void> {
    this.#outcomes.store(message, this.#outcomes.make(message, 'REPLACED', run.retries));
    this.#place.events.ended('task-replaced', message);
    // Or it might come behind the end of what takes its place.
    await this.writer.stored();
    try {
      await this.#sequel.replace(message, node);
    } catch (error) {
      return this.#fail(message, run, error);
    }
  }

  #succeed(message: Message, run: Run, value: unknown, began: number): Promise<void> | undefined {
    const outcome = {
      ...this.#outcomes.make(message, 'SUCCESS', run.retries, value),
      children: childrenOf(message, run),
    };
    try {
      this.#outcomes.store(message, outcome);
    } catch (error) {
      if (!isEncodeFailure(error)) throw error;
      // Another run would return the same.
      return this.#fail(message, run, error);
    }
    const took = performance.now() - began;
    this.#place.log.succeeded(message, took);
    this.#place.events.succeeded(message, value, took);
    return hasSequel(message) ? this.#carryOn(message, outcome) : undefined;
  }

  async #follow(
    { job, token }: Current,
    message: Message,
    run: Run,
    thrown: unknown,
    definition: Definition,
  ): Promise<void> {
    const { log, events } = this.#place;
    if (thrown instanceof Replace) return this.#replace(message, run, thrown);
    const { retries } = run;
    const verdict = judgeSafely(thrown, {
      id: run.id,
      name: run.name,
      retries,
      policy: definition.retry,
      override: message.retry,
      now: Date.now(),
    });
    switch (verdict.kind) {
      case 'fail':
        job.opts.attempts = 0;
        return this.#fail(message, run, verdict.error);
      case 'ignore':
        log.info({ task: run.name, id: run.id }, 'task ignored');
        events.ended('task-ignored', message);
        return this.#end(message, this.#outcomes.make(message, 'IGNORED', run.retries));
      case 'requeue':
        log.info({ task: run.name, id: run.id }, 'message rejected by the task, back to its queue');
        events.rejected(message, thrown, true);
        await job.moveToWait(token);
        throw new bullmq.WaitingError();
      case 'retry':
        log.retried(message, verdict.wait, verdict.error);
        events.retried(message, retries, verdict.wait, verdict.error);
        if (verdict.args) {
          const unsent = await this.#changeArguments(job, message, verdict.args);
          if (unsent) return this.#fail(message, run, unsent);
        }
        // BullMQ counts the attempt, keeps the time, and fetches the next job in the same command.
        job.opts.attempts = Number.MAX_SAFE_INTEGER;
        job.opts.backoff = { type: 'fixed', delay: verdict.wait };
        throw new FailedRun(verdict.error);
    }
  }

  #fail(message: Message, run: Run, error: unknown): Promise<never> {
    this.#place.log.failed(message, error);
    this.#place.events.failed(message, error);
    return this.#endBadly(
      message,
      this.#outcomes.make(message, 'FAILURE', run.retries, undefined, error),
    );
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
