/** The handle on a task that runs elsewhere. */
import { type Handle, handleForm, type HandleForm, type HandleMaker } from '../codec/index.js';
import { toDuration } from '../duration.js';
import { RegistryError, ResultTimeoutError, TaskRevokedError } from '../errors.js';
import { IdRuns, idsIn } from '../protocol/id-run.js';
import { type Before, isFinal, type Outcome, type TaskState } from '../protocol/outcome.js';
import type { ResultLedger } from './ledger.js';
import { type Known, lookUp } from './look-up.js';
import { parseOutstanding } from './outstanding.js';
import { nothingKnown, situationOf, type Takers } from './situation.js';
import type { AnyResult } from './any-result.js';
import { atCaller, forOneWait } from './at-caller.js';
import type { GetOptions } from './get-options.js';
import type { OpenWait } from './entries.js';
import type { ResultMailbox } from './mailbox.js';
import { errorOf, valueOf } from './remote-error.js';
import {
  checkRevoke,
  type Revocable,
  type RevokeResultOptions,
  type SoughtTask,
} from './revocation.js';
import { findCurrentTask, yielding } from '../task/context.js';
import { waitFor } from './wait.js';
import { type Dispatch, Watch, type Watchable, type Watched, type Watcher } from './watch.js';

export type { Dispatch };

/** What results need of their App. */
export interface ResultSource {
  /** Makes the handles on tasks that values hold. */
  readonly handles: HandleMaker;
  readonly ledger: ResultLedger;
  readonly mailbox: ResultMailbox;
  /** Whether what has to end before a task is there. */
  readonly holds: (before: Before | undefined) => Promise<boolean>;
  /** Which live workers take tasks from a queue, and which of those have one, for who waits in vain. */
  takersOf(queue: string, task: string | undefined): Promise<Takers>;
  /** Ends tasks that wait, and asks those that run to end; gives how many there were. */
  revoke(tasks: readonly SoughtTask[], options: RevokeResultOptions): Promise<number>;
  /** The same for tasks of a canvas, some of which may not be sent yet. */
  revokeAll(tasks: readonly Revocable[], options: RevokeResultOptions): Promise<number>;
}

/** What the sending process knows of a call. */
export interface SentCall {
  /** The queue that has the message; absent until Redis has confirmed it. Of a canvas, where it is sent. */
  queue: string | undefined;
  readonly ignoreResult: boolean;
  /** The mailbox's epoch when the call was sent. */
  readonly epoch: number | undefined;
  /** Whether another process may hear of the result in place of this one. */
  readonly foreign?: boolean;
  /** Rejected when the message could not be sent. */
  readonly sending: Promise<unknown>;
  /** Of a canvas: whether it was sent. */
  readonly dispatch?: Dispatch | undefined;
  /** Of a canvas: the task and all that come before it. */
  readonly tree?: () => readonly Revocable[];
}

/**
 * The result of a task, in this process or any other: `delay()` gives one, and `app.result(id)`
 * makes one from an id.
 *
 * @example
 * ```ts
 * const result = await add.delay(1, 2);
 * console.log(result.id, await result.get({ timeout: '10s' }));
 * ```
 */
export class AsyncResult<T = unknown> implements AnyResult<T>, Watchable, Watched, Handle {
  /** The task's id. */
  readonly id: string;
  readonly #source: ResultSource;
  readonly #sent: SentCall | undefined;
  /** The result of what came before, in a chain. */
  readonly parent: AnyResult | undefined;
  /** The end, once this handle has seen it. */
  #ended: Outcome | undefined;

  /** @internal */
  constructor(id: string, source: ResultSource, sent?: SentCall, parent?: AnyResult) {
    this.id = id;
    this.parent = parent;
    this.#source = source;
    this.#sent = sent;
  }

  /** It travels as its id. @internal */
  get [handleForm](): HandleForm {
    return this.id;
  }

  /**
   * Waits for the task to end and gives what it returned.
   *
   * Without a `timeout` it waits as long as it takes, through restarts of Redis and of workers, but
   * not for what cannot come: a task that is gone, or of which nothing is known. With `ignoreResult`
   * there is nothing to wait for, and it gives `undefined`.
   *
   * @throws TaskFailedError with the task's own error as `cause`; the errors that dtask itself
   * states (UnknownTaskError, ArgumentsError, WorkerLostError, ...) come as their own class
   * @throws TaskRevokedError when it was revoked, expired, or removed from its queue; without a
   * `timeout` also when nothing is known of it
   * @throws ResultTimeoutError when `timeout` is over, which says where the task is; the reason of
   * `signal` when it is aborted
   */
  get(options?: GetOptions & { propagate?: true }): Promise<T>;
  get(options: GetOptions): Promise<T | Error>;
  async get(options: GetOptions = {}): Promise<T | Error> {
    if (this.#sent?.ignoreResult) {
      await this.#sent.sending;
      return undefined as T;
    }
    try {
      const value = this.#ended
        ? valueOf(this.#ended, options.propagate)
        : // A task that waits lets another one run in its place: the one that it waits for, maybe.
          (await yielding(this.#wait(options)))[0];
      return (options.propagate === false ? atCaller(value, this, 'get') : value) as T | Error;
    } catch (error) {
      // What called this method without an await is not on the stack behind one.
      await Promise.resolve();
      throw atCaller(error, this, 'get');
    }
  }

  #wait(options: GetOptions): Promise<unknown[]> {
    return waitFor([this], options, (limit) => this.#late(limit));
  }

  /** @internal */
  watch(watcher: Watcher, at: number): OpenWait | undefined {
    if (this.#ended) {
      watcher.ended(this.#ended, at);
      return undefined;
    }
    const task = findCurrentTask();
    if (task?.id === this.id) {
      throw new RegistryError(
        `task ${task.name}[${task.id}] waits for its own result, which would never come`,
      );
    }
    const watch = new Watch(this, this.#sent, watcher, at);
    return this.#source.mailbox.wait(this.id, this.#sent?.epoch, watch);
  }

  /** @internal */
  get sending(): Promise<unknown> | undefined {
    return this.#sent?.sending;
  }

  /** @internal */
  get isIgnored(): boolean {
    return this.#sent?.ignoreResult ?? false;
  }

  /** @internal */
  get isOver(): boolean {
    return this.#ended !== undefined;
  }

  /** @internal */
  hasEnded(outcome: Outcome): void {
    this.#ended = outcome;
  }

  async #late(limit: number): Promise<ResultTimeoutError> {
    const { what, where } = await this.situation();
    return forOneWait(
      new ResultTimeoutError(
        `${what} gave no result within ${toDuration(limit)}: ${where}; get() may be called again`,
      ),
    );
  }

  /** The task, and where it is, in words for people. It takes a quarter of a second at most. @internal */
  situation(): Promise<{ readonly what: string; readonly where: string }> {
    return situationOf(this.id, {
      known: () => this.#known(),
      takersOf: (queue, task) => this.#source.takersOf(queue, task),
    });
  }

  /** @internal */
  lost(): TaskRevokedError {
    return forOneWait(
      new TaskRevokedError(
        `task ${this.id} is gone: it, or what comes before it in its canvas, was removed from its queue before it ended (a purge, or a Redis that lost its data), or its result has expired`,
      ),
    );
  }

  /** @internal */
  unknown(): TaskRevokedError {
    return forOneWait(
      new TaskRevokedError(
        `${nothingKnown(`task ${this.id}`)}; get() waits for what may still be sent only with a timeout`,
      ),
    );
  }

  /** @internal */
  before(): Before | undefined {
    const tasks = this.#sent?.tree?.().filter(({ id }) => id !== this.id) ?? [];
    if (tasks.length === 0) return undefined;
    const ids = new IdRuns();
    for (const { id } of tasks) ids.add(id);
    return { runs: ids.runs, queues: [...new Set(tasks.map(({ queue }) => queue))] };
  }

  /**
   * The task's state. `PENDING` waits in its queue, `STARTED` runs, `RETRY` waits for its next run;
   * `WAITING` is sent when what comes before it in its canvas has ended; `UNKNOWN` was never sent, or
   * its result has expired.
   *
   * @throws BrokerError when Redis does not answer
   */
  async state(): Promise<TaskState> {
    return (await this.#outcome())?.state ?? 'UNKNOWN';
  }

  /** Whether the task was ever sent and is not forgotten. */
  async exists(): Promise<boolean> {
    return (await this.state()) !== 'UNKNOWN';
  }

  /** Whether the task has ended, well or not. */
  async ready(): Promise<boolean> {
    return isFinal(await this.state());
  }

  /** Whether the task has ended well. */
  async successful(): Promise<boolean> {
    return (await this.state()) === 'SUCCESS';
  }

  /** Whether the task has ended with an error. */
  async failed(): Promise<boolean> {
    return (await this.state()) === 'FAILURE';
  }

  /**
   * The details of the state: the value, the error, or what `updateState` and `progress` gave. Of a
   * task in `RETRY` the error of its last run, with `retries` and `retryAt`.
   */
  async info(): Promise<unknown> {
    const outcome = await this.#outcome();
    if (!outcome) return undefined;
    if (outcome.state === 'RETRY') return outcome.error;
    return outcome.state === 'FAILURE' || outcome.state === 'REVOKED'
      ? errorOf(outcome)
      : outcome.value;
  }

  /**
   * The value or the error of a task that has ended, the error of one in `RETRY`; `undefined` of any
   * other.
   */
  async result(): Promise<T | Error | undefined> {
    const outcome = await this.#outcome();
    if (!outcome) return undefined;
    if (outcome.state === 'RETRY') return outcome.error as Error;
    if (!isFinal(outcome.state)) return undefined;
    return valueOf(outcome, false) as T | Error;
  }

  async #outcome(): Promise<Outcome | undefined> {
    return (await this.#known()).outcome;
  }

  #known(): Promise<Known> {
    return lookUp(this.id, this.#source, this.#sent);
  }

  /**
   * The tasks that this one called, and those that follow it in a canvas; none before it has ended.
   *
   * @throws (rejects) BrokerError when Redis does not answer
   */
  get children(): Promise<AsyncResult[]> {
    return this.#outcome().then((outcome) =>
      (outcome?.children ?? []).map((id) => new AsyncResult(id, this.#source)),
    );
  }

  /**
   * Waits for this task and all that it led to, and gives each with its value, parents first.
   *
   * @throws what `get` throws, for the first that fails
   */
  async *collect(options?: GetOptions): AsyncGenerator<[AsyncResult, unknown], void, undefined> {
    try {
      yield [this, await this.get({ ...options })];
      for (const child of await this.children) yield* child.collect(options);
    } catch (error) {
      throw atCaller(error, this, 'collect');
    }
  }

  /**
   * The details of `progress()` and `updateState()` as they come, until the task has ended.
   *
   * @example
   * ```ts
   * for await (const done of result.progress()) console.log(done);
   * ```
   */
  async *progress(): AsyncGenerator<unknown, void, undefined> {
    const heard: unknown[] = [];
    let wake = (): void => undefined;
    let over = false;
    const left = new AbortController();
    const waiting = this.#wait({
      signal: left.signal,
      onProgress: (details) => {
        heard.push(details);
        wake();
      },
    }).then(
      () => undefined,
      () => undefined,
    );
    void waiting.then(() => {
      over = true;
      wake();
    });
    try {
      for (;;) {
        while (heard.length > 0) yield heard.shift();
        if (over) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      left.abort(new Error('the loop over the progress was left'));
    }
  }

  /** Deletes the stored result, and of a canvas those that come before; gives whether there was one. */
  forget(): Promise<boolean> {
    this.#ended = undefined;
    const before = this.#sent?.tree?.().map(({ id }) => id) ?? [this.id];
    return this.#source.ledger.forget(before);
  }

  /**
   * Ends the task. One that has not started leaves its queue and ends as `REVOKED`. One that runs is
   * marked, which outlives its worker, and its worker is told: the task's `signal` fires; with
   * `terminate` it is killed, where the worker's pool can. Of a canvas: also whatever comes before it.
   *
   * @returns whether there was anything to end
   * @throws ConfigError for wrong options, BrokerError when Redis does not answer
   */
  async revoke(options: RevokeResultOptions = {}): Promise<boolean> {
    checkRevoke(options);
    const { tree, queue } = this.#sent ?? {};
    if (tree) return (await this.#source.revokeAll(tree(), options)) > 0;
    const before = this.#sent ? [] : await this.#before();
    const tasks = [...before.map((id) => ({ id })), { id: this.id, queue }];
    return (await this.#source.revoke(tasks, options)) > 0;
  }

  /** The ids of what comes before it, where it waits for that. */
  async #before(): Promise<readonly string[]> {
    const found = parseOutstanding(await this.#source.ledger.read(this.id));
    return idsIn(found?.before?.runs ?? []);
  }
}
