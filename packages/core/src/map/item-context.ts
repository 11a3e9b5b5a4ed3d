/** The running task as it sees itself where it is one of many in a message. */
import type { CanvasLike } from '../canvas/tree.js';
import { RegistryError } from '../errors.js';
import { Retry, type RetryRequest } from '../steering.js';
import type { TaskContext, TaskLogger } from '../task/context.js';

/**
 * The context of the items of one message. All share it, as they run one after another: only the
 * arguments change.
 */
export class ItemContext implements TaskContext {
  readonly name: string;
  args: readonly unknown[] = [];
  readonly retries: number;
  /** That of the message. */
  readonly within: TaskContext;

  constructor(within: TaskContext, name: string, retries = within.retries) {
    this.within = within;
    this.name = name;
    this.retries = retries;
  }

  get id(): string {
    return this.within.id;
  }

  get queue(): string {
    return this.within.queue;
  }

  get worker(): string {
    return this.within.worker;
  }

  get headers(): Readonly<Record<string, unknown>> {
    return this.within.headers;
  }

  get rootId(): string {
    return this.within.rootId;
  }

  get parentId(): string | undefined {
    return this.within.parentId;
  }

  get expires(): Date | undefined {
    return this.within.expires;
  }

  get group(): string | undefined {
    return this.within.group;
  }

  get timeLimit(): number | undefined {
    return this.within.timeLimit;
  }

  get softTimeLimit(): number | undefined {
    return this.within.softTimeLimit;
  }

  get deadline(): Date | undefined {
    return this.within.deadline;
  }

  get isEager(): boolean {
    return this.within.isEager;
  }

  get signal(): AbortSignal {
    return this.within.signal;
  }

  get logger(): TaskLogger {
    return this.within.logger;
  }

  updateState(state: string, details?: unknown): Promise<void> {
    return this.within.updateState(state, details);
  }

  progress(details: unknown): Promise<void> {
    return this.within.progress(details);
  }

  sendEvent(event: string, fields?: Readonly<Record<string, unknown>>): void {
    this.within.sendEvent(event, fields);
  }

  retry(request?: RetryRequest): never {
    throw new Retry(request);
  }

  replace(_canvas: CanvasLike): never {
    throw new RegistryError(
      `task ${this.name} is one of many in a message here, which no canvas can take the place of; call it by delay()`,
    );
  }

  addToChord(canvas: CanvasLike): Promise<void> {
    return this.within.addToChord(canvas);
  }

  spawned(id: string): void {
    this.within.spawned?.(id);
  }

  yieldWhile<R>(wait: Promise<R>): Promise<R> {
    return this.within.yieldWhile?.(wait) ?? wait;
  }
}
