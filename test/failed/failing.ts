/** What the tests of the failed store run on: tasks that fail for as long as the test wants. */
import type { App, FailedFilter, FailedTask } from 'dtask';
import { rejection } from '../behaviour/rejection.js';
import { messageKey, type Stage } from '../behaviour/stage.js';
import { until } from '../support/until.js';

/** The longest that anything here may take. */
export const soon = { timeout: '15s' } as const;

/** An App with a worker, and what its tasks need to fail and to succeed. */
export class Failing {
  readonly stage: Stage;
  readonly app: App;
  /** Tasks fail while this is true. */
  broken = true;

  private constructor(stage: Stage, app: App) {
    this.stage = stage;
    this.app = app;
  }

  static async open(stage: Stage, queues = ['default']): Promise<Failing> {
    const app = stage.app();
    const failing = new Failing(stage, app);
    await stage.worker(app, { queues });
    return failing;
  }

  /** What a task does that fails while the test wants it to. */
  readonly maybe = <T>(value: T, error: unknown = new TypeError('it is broken')): T => {
    if (this.broken) throw error;
    return value;
  };

  /** All that a filter picks. */
  async list(filter?: FailedFilter): Promise<FailedTask[]> {
    const tasks: FailedTask[] = [];
    for await (const task of this.app.failed.list(filter)) tasks.push(task);
    return tasks;
  }

  /** Resolves when so many tasks are among the failed ones: their callers are told a moment before. */
  async kept(count: number, filter?: FailedFilter): Promise<FailedTask[]> {
    await until(
      `${count} failed tasks are kept`,
      async () => (await this.app.failed.count(filter)) === count,
    );
    return this.list(filter);
  }

  /** Sends a task that fails, and gives its id when it is kept. */
  async fail(
    send: () => { readonly id: string; get(options?: object): Promise<unknown> },
  ): Promise<string> {
    const call = send();
    await rejection(call.get(soon));
    await this.settled(call.id);
    return call.id;
  }

  /** Resolves when a task is among the failed ones. */
  async settled(id: string): Promise<void> {
    await until(`task ${id} is kept as failed`, () => this.app.failed.show(id));
  }

  /** The hash of a job. */
  job(id: string, queue = 'default'): Promise<Record<string, string>> {
    return this.stage.redis.hgetall(messageKey(this.app, queue, id));
  }
}
