/** Tells an App's hooks what becomes of its tasks in a worker. */
import type { App, TaskMessage } from '@dtask/core';
import { type Definition, inside, type Message, tellRevoked } from '@dtask/core/internal';
import { concludeRun } from './perform.js';
import type { Performance } from './pool/pool.js';
import type { Report } from './report.js';

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
   * A run has ended. The process that ran it is told; where that was killed, it is this one.
   *
   * @param stored waits until the end is stored; nobody is told of one that counts not
   * @param carried what else is to be done first, where that is more
   */
  concluded(
    definition: Definition,
    performance: Performance,
    report: Report,
    stored: () => Promise<void>,
    carried?: Promise<void>,
  ): Promise<void> | undefined {
    const { hooks } = this.#app;
    if (!hooks.touchesEnds && !definition.hooks) return carried;
    const { run, tell } = performance;
    if (!run && !tell) return carried;
    return (carried ?? stored()).then(() =>
      run ? concludeRun(definition, run, report, hooks) : tell?.(),
    );
  }

  #payload({ id, name, args, headers = {} }: Message, at: Whereabouts): TaskMessage {
    return { id, name, args, headers, worker: this.#worker, ...at };
  }
}
