/** One run of one task: its context, and how it can be ended from outside. */
import { findCurrentTask, type Message, type Outcome } from '@dtask/core/internal';
import { ConfigError, Retry, type TaskContext, type TaskLogger } from '@dtask/core';

/** What a run needs of its worker. */
export interface RunPlace {
  readonly worker: string;
  readonly logger: (message: Message) => TaskLogger;
  /** Stores a state that is not the last. */
  readonly report: (message: Message, outcome: Outcome) => Promise<void> | undefined;
}

/** States that only the worker sets. */
const reserved: ReadonlySet<string> = new Set(['UNKNOWN', 'PENDING', 'RECEIVED', 'STARTED', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED', 'IGNORED']);

/** A run, as its task sees it. */
export class Run implements TaskContext {
  readonly id: string;
  readonly name: string;
  readonly args: readonly unknown[];
  readonly retries: number;
  readonly queue: string;
  readonly worker: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly rootId: string;
  readonly parentId: string | undefined;
  readonly expires: Date | undefined;
  readonly isEager = false;
  readonly #message: Message;
  readonly #place: RunPlace;
  #abort: AbortController | undefined;
  #logger: TaskLogger | undefined;
  #over = false;

  constructor(message: Message, retries: number, queue: string, place: RunPlace) {
    this.id = message.id;
    this.name = message.name;
    this.args = message.args;
    this.retries = retries;
    this.queue = queue;
    this.worker = place.worker;
    this.headers = message.headers ?? {};
    this.rootId = message.root ?? message.id;
    this.parentId = message.parent;
    this.expires = message.expires === undefined ? undefined : new Date(message.expires);
    this.#message = message;
    this.#place = place;
  }

  get signal(): AbortSignal {
    // Made when it is first asked for: most tasks never do.
    return (this.#abort ??= new AbortController()).signal;
  }

  get logger(): TaskLogger {
    return (this.#logger ??= this.#place.logger(this.#message));
  }

  async updateState(state: string, details?: unknown): Promise<void> {
    if (reserved.has(state) || state === '') {
      throw new ConfigError(`updateState cannot set ${JSON.stringify(state)}, which dtask sets itself; use a name of your own`);
    }
    // A report that comes after the end must not hide the result.
    if (this.#over) return;
    await this.#place.report(this.#message, {
      id: this.id,
      task: this.name,
      state,
      value: details,
      worker: this.worker,
      at: Date.now(),
    });
  }

  progress(details: unknown): Promise<void> {
    return this.updateState('PROGRESS', details);
  }

  retry(request?: ConstructorParameters<typeof Retry>[0]): never {
    throw new Retry(request);
  }

  /** Fires `signal`. */
  abort(reason: Error): void {
    this.#abort ??= new AbortController();
    this.#abort.abort(reason);
  }

  /** From now on nothing that the task says of its state is stored. */
  end(): void {
    this.#over = true;
  }
}

/** The fields that a log line gets where a task runs. */
export function taskFields(): { task: string; id: string } | undefined {
  const context = findCurrentTask();
  return context && { task: context.name, id: context.id };
}
