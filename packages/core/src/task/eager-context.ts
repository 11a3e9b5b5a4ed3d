/** What a task knows of itself that runs where it is called. */
import { Replace } from '../canvas/steering.js';
import type { CanvasLike, Node } from '../canvas/tree.js';
import { longestTimer } from '../duration.js';
import { RegistryError } from '../errors.js';
import type { Message } from '../protocol/message.js';
import { Retry, type RetryRequest } from '../steering.js';
import { runInContext, type TaskContext, type TaskLogger } from './context.js';
import { hardOverrun, softOverrun } from './overrun.js';
import { checkOwnState, type EventFields, eventFields } from './own-state.js';

/** Where a call comes from that runs where it is made. */
export interface EagerOrigin {
  readonly root: string | undefined;
  readonly parent: string | undefined;
  /** The group that it is a part of. */
  readonly group?: string | undefined;
  /** Takes further parts of that group, where something follows it; the same name once. */
  readonly join?: ((name: string, part: Node) => void) | undefined;
  /** Whether something follows it: a body, or the task in whose place it is. */
  readonly followed?: boolean;
}

/** What an attempt needs beside its message. */
export interface EagerAttempt {
  readonly retries: number;
  /** Limits in milliseconds; 0 is none. */
  readonly hard: number;
  readonly soft: number;
  readonly origin: EagerOrigin | undefined;
  /** Of the task that it was called in. */
  readonly signal: AbortSignal | undefined;
}

/** One attempt, as its task sees it. */
export class EagerContext implements TaskContext {
  readonly queue = '';
  readonly worker = '';
  readonly isEager = true;
  readonly deadline: Date | undefined;
  readonly logger: TaskLogger;
  readonly #message: Message;
  readonly #attempt: EagerAttempt;
  readonly #abort = new AbortController();
  #signal: AbortSignal | undefined;
  #added = 0;

  constructor(message: Message, attempt: EagerAttempt) {
    this.#message = message;
    this.#attempt = attempt;
    this.deadline = attempt.hard > 0 ? new Date(Date.now() + attempt.hard) : undefined;
    const log =
      (level: keyof TaskLogger) =>
      (details: object | string, text?: string): void =>
        console[level](
          `${this.name}[${this.id}]`,
          ...(text === undefined ? [details] : [text, details]),
        );
    this.logger = {
      debug: log('debug'),
      info: log('info'),
      warn: log('warn'),
      error: log('error'),
    };
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

  get retries(): number {
    return this.#attempt.retries;
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
    return this.#attempt.origin?.group;
  }

  get expires(): Date | undefined {
    const { expires } = this.#message;
    return expires === undefined ? undefined : new Date(expires);
  }

  get timeLimit(): number | undefined {
    return this.#attempt.hard || undefined;
  }

  get softTimeLimit(): number | undefined {
    return this.#attempt.soft || undefined;
  }

  get signal(): AbortSignal {
    const { signal } = this.#attempt;
    const own = this.#abort.signal;
    return (this.#signal ??= signal ? AbortSignal.any([signal, own]) : own);
  }

  async updateState(state: string): Promise<void> {
    this.signal.throwIfAborted();
    checkOwnState(state);
    return Promise.resolve();
  }

  progress(): Promise<void> {
    return this.updateState('PROGRESS');
  }

  sendEvent(event: string, fields: EventFields = {}): void {
    eventFields(event, fields);
  }

  retry(request?: RetryRequest): never {
    throw new Retry(request);
  }

  replace(canvas: CanvasLike): never {
    throw new Replace(canvas.node);
  }

  async addToChord(canvas: CanvasLike): Promise<void> {
    const join = this.#attempt.origin?.join;
    if (!join) throw notInChord(this);
    this.#added += 1;
    join(`${this.id}+${this.#added}`, canvas.node);
    return Promise.resolve();
  }

  /**
   * Runs a body within the limits of its time: its signal fires at the soft one, and at the hard one it
   * has failed, though its code goes on.
   */
  async within(body: () => unknown): Promise<unknown> {
    const { hard, soft } = this.#attempt;
    if (hard === 0 && soft === 0) return body();
    const { id, name } = this;
    const began = performance.now();
    const timers: NodeJS.Timeout[] = [];
    const startTimer = (limit: number, act: () => void): void => {
      if (limit > 0) timers.push(setTimeout(act, Math.min(limit, longestTimer)));
    };
    const late = (): boolean => hard > 0 && performance.now() - began > hard;
    startTimer(soft, () => {
      runInContext(this, () => this.#abort.abort(softOverrun(name, id, soft)));
    });
    const cut = new Promise<never>((_resolve, reject) => {
      startTimer(hard, () => reject(hardOverrun(name, id, hard)));
    });
    try {
      const value = await Promise.race([body(), cut]);
      if (late()) throw hardOverrun(name, id, hard);
      return value;
    } catch (error) {
      throw late() ? hardOverrun(name, id, hard) : error;
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  }
}

/** The error of a task that adds to a group that it is not in. */
export const notInChord = ({ id, name }: Pick<TaskContext, 'id' | 'name'>): RegistryError =>
  new RegistryError(
    `task ${name}[${id}] is not a part of a group that something follows, so there is nothing to add to`,
  );
