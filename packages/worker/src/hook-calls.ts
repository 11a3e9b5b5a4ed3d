/** Tells an App's hooks what becomes of its tasks in a worker. */
import type { App, TaskEnding, TaskMessage } from '@dtask/core';
import { conclude, inside, type Message, tellRevoked } from '@dtask/core/internal';
import type { Run } from './run.js';

/** What every payload says of where it comes from. */
interface Whereabouts {
  readonly queue: string;
  readonly retries: number;
}

/** The hooks of one worker's tasks. Nothing is done, nor any promise made, where nobody listens. */
export class HookCalls {
  readonly #app: App;
  readonly #worker: string;

  constructor(app: App, worker: string) {
    this.#app = app;
    this.#worker = worker;
  }

  /** A message has come. */
  received(message: Message, at: Whereabouts): void {
    const { hooks } = this.#app;
    if (hooks.has('taskReceived')) void hooks.emit('taskReceived', this.#payload(message, at));
  }

  /** A message that cannot be run. */
  rejected(message: Message, at: Whereabouts, error: unknown): void {
    const payload = { ...this.#payload(message, at), error, requeue: false };
    void this.#app.hooks.emit('taskRejected', payload);
  }

  /** A message whose task is not here. */
  unknown(message: Message, at: Whereabouts, error: Error): void {
    void this.#app.hooks.emit('taskUnknown', { ...this.#payload(message, at), error });
  }

  /** A task has ended as `REVOKED`, by `revoke` or because it has expired. */
  revoked(message: Message, at: Whereabouts, reason: 'revoked' | 'expired' | 'terminated'): void {
    const { hooks, tasks } = this.#app;
    const task = tasks.find(message.name);
    const payload = { ...this.#payload(message, at), reason };
    void tellRevoked(task && inside(task).definition, payload, hooks);
  }

  /**
   * A run has ended.
   *
   * @param stored what is to be done first
   */
  concluded(run: Run, ending: TaskEnding, stored?: Promise<void>): Promise<void> | undefined {
    const { hooks } = this.#app;
    if (!hooks.touchesEnds && !run.definition.hooks) return stored;
    return Promise.resolve(stored).then(() => conclude(run.definition, run, ending, hooks));
  }

  #payload({ id, name, args, headers = {} }: Message, at: Whereabouts): TaskMessage {
    return { id, name, args, headers, worker: this.#worker, ...at };
  }
}
