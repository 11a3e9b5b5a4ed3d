/** One run of one task: its context, and how it can be ended from outside. */
import { AsyncResource } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
import {
  checkOwnState,
  type EventFields,
  eventFields,
  findCurrentTask,
  type Message,
  notInChord,
  type Outcome,
  Replace,
  runInContext,
  type Tracing,
} from '@dtask/core/internal';
import {
  type CanvasLike,
  ConfigError,
  Retry,
  type TaskContext,
  type TaskLogger,
} from '@dtask/core';
import { overrun } from './overrun.js';
import type { Report } from './report.js';

/** What a run needs of its worker. */
export interface RunPlace {
  readonly worker: string;
  /** What makes spans, where the App has tracing on. */
  readonly tracing?: Tracing | undefined;
  /** Its lines get the name and id of the task that runs. */
  readonly logger: TaskLogger;
  /** Stores a state that is not the last. */
  readonly report: (message: Message, outcome: Outcome) => Promise<void>;
  /** Tells an event of the task's own. */
  readonly tell: (message: Message, event: string, fields: EventFields) => void;
  /** Room for one more task while this one waits for a result, and no more room. */
  readonly lend: () => void;
  readonly takeBack: () => void;
  /** Adds a part to the group that a task is in; the same name adds it once. */
  readonly grow: (part: CanvasLike, message: Message, join: string, name: string) => Promise<void>;
}

/** Most of the called tasks that a record names. */
export const mostChildren = 1_000;

/** A run, as its task sees it. What it shows is read from the message when it is asked for. */
export class Run implements TaskContext {
  readonly retries: number;
  readonly queue: string;
  readonly deadline: Date | undefined;
  readonly timeLimit: number | undefined;
  readonly softTimeLimit: number | undefined;
  readonly isEager = false;
  /** What its code threw, if it did. */
  thrown: unknown;
  readonly #message: Message;
  readonly #place: RunPlace;
  #abort: AbortController | undefined;
  /** The context in which its signal was first asked for, with the stores of middleware and of the task. */
  #listening: AsyncResource | undefined;
  #calls: Map<string, AbortController> | undefined;
  #settle: ((report: Report) => void) | undefined;
  #judged: ((thrown: unknown) => Report) | undefined;
  readonly #limit: number;
  readonly #began: number;
  #over = false;
  #reported = 0;
  #added = 0;
  #children: string[] | undefined;
  #waits = 0;
  #lent = false;

  /**
   * @param limit longest run, in milliseconds; 0 is none
   * @param soft when its signal fires, in milliseconds from its start; 0 is never
   */
  constructor(
    message: Message,
    retries: number,
    queue: string,
    place: RunPlace,
    limit = 0,
    soft = 0,
  ) {
    this.retries = retries;
    this.timeLimit = limit > 0 ? limit : undefined;
    this.softTimeLimit = soft > 0 ? soft : undefined;
    this.deadline = limit > 0 ? new Date(Date.now() + limit) : undefined;
    this.#limit = limit;
    this.#began = limit > 0 ? performance.now() : 0;
    this.queue = queue;
    this.#message = message;
    this.#place = place;
  }

  get id(): string {
    return this.#message.id;
  }

  get name(): string {
    return this.#message.name;
  }

  get args(): readonly unknown[] {
    return this.#message.args;
  }

  get worker(): string {
    return this.#place.worker;
  }

  get tracing(): Tracing | undefined {
    return this.#place.tracing;
  }

  get headers(): Readonly<Record<string, unknown>> {
    return this.#message.headers ?? {};
  }

  get rootId(): string {
    return this.#message.root ?? this.#message.id;
  }

  get parentId(): string | undefined {
    return this.#message.parent;
  }

  get group(): string | undefined {
    const { group, next = [] } = this.#message;
    if (group !== undefined) return group;
    // Where something follows a group, its parts have a place in it.
    const frame = next.find((each) => 'join' in each);
    return frame && 'join' in frame ? frame.join : undefined;
  }

  get expires(): Date | undefined {
    const { expires } = this.#message;
    return expires === undefined ? undefined : new Date(expires);
  }

  get signal(): AbortSignal {
    // Made when it is first asked for: most tasks never do. Who asks is who listens.
    this.#listening ??= new AsyncResource('dtask.signal');
    return (this.#abort ??= newController()).signal;
  }

  /** The signal, if it has fired. */
  get fired(): AbortSignal | undefined {
    const signal = this.#abort?.signal;
    return signal?.aborted ? signal : undefined;
  }

  get logger(): TaskLogger {
    return this.#place.logger;
  }

  async updateState(state: string, details?: unknown): Promise<void> {
    this.#abort?.signal.throwIfAborted();
    checkOwnState(state);
    // A report that comes after the end must not hide the result.
    if (this.#over) return;
    // Each later than the one before, so that a waiting caller can tell old from new.
    this.#reported = Math.max(Date.now(), this.#reported + 1);
    await this.#place.report(this.#message, {
      id: this.id,
      task: this.name,
      state,
      value: details,
      worker: this.worker,
      at: this.#reported,
    });
  }

  progress(details: unknown): Promise<void> {
    return this.updateState('PROGRESS', details);
  }

  sendEvent(event: string, fields: EventFields = {}): void {
    this.#place.tell(this.#message, event, eventFields(event, fields));
  }

  retry(request?: ConstructorParameters<typeof Retry>[0]): never {
    throw new Retry(request);
  }

  /** The tasks that it has called. */
  get children(): readonly string[] | undefined {
    return this.#children;
  }

  spawned(id: string): void {
    this.#children ??= [];
    if (this.#children.length < mostChildren) this.#children.push(id);
  }

  async yieldWhile<R>(wait: Promise<R>): Promise<R> {
    const { signal } = (this.#abort ??= newController());
    signal.throwIfAborted();
    this.#waits += 1;
    if (this.#waits === 1) this.#lend();
    let onAbort: (() => void) | undefined;
    const aborted = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort);
    });
    try {
      return await Promise.race([wait, aborted]);
    } finally {
      if (onAbort) signal.removeEventListener('abort', onAbort);
      this.#waits -= 1;
      if (this.#waits === 0) this.#takeBack();
    }
  }

  #lend(): void {
    // Code that goes on behind the end of its run has no slot.
    if (this.#over) return;
    this.#lent = true;
    this.#place.lend();
  }

  #takeBack(): void {
    if (!this.#lent) return;
    this.#lent = false;
    this.#place.takeBack();
  }

  replace(canvas: CanvasLike): never {
    const { node } = canvas;
    if (node.kind === 'chain' && node.parts.length === 0)
      throw new ConfigError('a task cannot be replaced with an empty chain; give it a step');
    throw new Replace(node);
  }

  async addToChord(canvas: CanvasLike): Promise<void> {
    const frame = this.#message.next?.[0];
    if (!frame || !('join' in frame)) throw notInChord(this);
    this.#added += 1;
    await this.#place.grow(canvas, this.#message, frame.join, `${this.id}+${this.#added}`);
  }

  /**
   * The failure of a run whose code ends when its time is over. It is asked then, because no timer
   * comes while code computes, and none before the promises that the code has resolved.
   */
  overrun(): Error | undefined {
    if (this.#limit === 0 || performance.now() - this.#began <= this.#limit) return undefined;
    return overrun(this.#message, this.#limit);
  }

  /**
   * Waits for what the task's function returned, unless the run is cut short.
   *
   * @param valued what follows what it gives
   * @param judged what follows what it throws
   */
  outlast(
    returned: PromiseLike<unknown>,
    valued: (value: unknown) => Report,
    judged: (thrown: unknown) => Report,
  ): Promise<Report> {
    return new Promise((resolve) => {
      this.#judged = judged;
      this.#settle = (report) => {
        this.end();
        resolve(report);
      };
      returned.then(
        (value) => this.#settle?.(valued(value)),
        (thrown: unknown) => this.#settle?.(judged(thrown)),
      );
    });
  }

  /** Ends a run that goes on with an error that its code threw where no promise was looking. */
  crash(error: unknown): boolean {
    if (this.#over || !this.#settle || !this.#judged) return false;
    this.#settle(this.#judged(error));
    return true;
  }

  /** Ends the run for its caller. Its code goes on, and what it says counts no more. */
  cut(report: Report): void {
    if (this.#over || !this.#settle) return;
    this.#place.logger.warn(
      { task: this.name, id: this.id },
      'the task was ended, but its code still runs: the inline pool cannot stop it',
    );
    this.#settle(report);
  }

  /**
   * Fires `signal`, or that of one of the calls that run together here. Who listens is code of the
   * task: it may ask for `currentTask()`, and what it throws is the task's failure.
   */
  abort(reason: Error, call?: string): void {
    const fired = call === undefined ? (this.#abort ??= newController()) : this.#controllerOf(call);
    const fire = (): void => fired.abort(reason);
    runInContext(this, () => (this.#listening ? this.#listening.runInAsyncScope(fire) : fire()));
  }

  signalOf(call: string): AbortSignal {
    return AbortSignal.any([this.signal, this.#controllerOf(call).signal]);
  }

  #controllerOf(call: string): AbortController {
    const calls = (this.#calls ??= new Map<string, AbortController>());
    const known = calls.get(call);
    if (known) return known;
    const controller = newController();
    calls.set(call, controller);
    return controller;
  }

  /** From now on nothing that the task says of its state is stored. */
  end(): void {
    this.#over = true;
    // A wait may outlast the run: one that nobody awaits, or of a run that was cut short.
    this.#takeBack();
  }
}

/** Tasks may listen to it in many places, and each result that they wait for does. */
function newController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** The fields that a log line gets where a task runs. */
export function taskFields(): { task: string; id: string } | undefined {
  const context = findCurrentTask();
  return context && { task: context.name, id: context.id };
}
