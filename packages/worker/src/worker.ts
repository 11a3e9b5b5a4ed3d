/** The worker: takes tasks from its queues, runs them, and stops in order. */
import { hostname } from 'node:os';
import type { App, Duration } from '@dtask/core';
import {
  bullQueueName,
  closeConnection,
  inside,
  openConnection,
  queuesKey,
  redactAddress,
  refuseUnknown,
  resolveSettings,
  whenReady,
  whyDown,
  type WorkerConfig,
  workerSettings,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import { Consumer } from './consumer.js';
import { Executor } from './executor.js';
import { LockKeeper } from './lock-keeper.js';
import { workerLog, type WorkerLog } from './log.js';
import { Presence } from './presence.js';

/** The options of a worker. Each may also come from the environment; see the configuration reference. */
export interface WorkerOptions {
  /** Queues to take tasks from. @default the app's default queue and those that its tasks name */
  queues?: readonly string[];
  /** How many tasks run at a time. @default 10 */
  concurrency?: number;
  /** The worker's name, which no other live worker may have. @default 'app@host.pid' */
  name?: string;
  /** Least level that is logged. @default 'info' */
  logLevel?: string;
  /** How long a running task stays claimed after its worker's last sign of life. @default '5s' */
  lockDuration?: Duration;
  /** How often workers look for tasks whose worker has died. @default '2s' */
  stalledInterval?: Duration;
  /** How many failed tasks of a queue are kept; 0 keeps none. @default 10000 */
  keepFailed?: number;
  /** How long failed tasks are kept; 0 keeps them for ever. @default '7d' */
  keepFailedFor?: Duration;
}

/** How often a worker that cannot start says why, in milliseconds. */
const patience = 5_000;
/** The gap in which a fetch that is on its way comes home, before tasks are handed back. */
const settling = 50;
/** Longest that stopping at once may take; what is not handed back by then is found as stalled. */
const lastWait = 5_000;

/**
 * Executes the tasks of an App.
 *
 * @example
 * ```ts
 * await using worker = new Worker(app, { concurrency: 20 });
 * await worker.start();
 * ```
 */
export class Worker implements AsyncDisposable {
  readonly app: App;
  /** The worker's name. */
  readonly name: string;
  /** The queues that it takes tasks from. */
  readonly queues: readonly string[];
  /** The checked settings. */
  readonly config: WorkerConfig;
  readonly log: WorkerLog;
  #connection: Redis | undefined;
  #presence: Presence | undefined;
  #executor: Executor | undefined;
  #keeper: LockKeeper | undefined;
  #consumers: Consumer[] = [];
  #stopping: Promise<void> | undefined;

  /** @throws ConfigError when an option is unknown or of the wrong kind */
  constructor(app: App, options: WorkerOptions = {}) {
    refuseUnknown({ ...options }, Object.keys(workerSettings), 'the worker');
    this.app = app;
    this.config = resolveSettings(workerSettings, { ...options }, process.env);
    this.name = this.config.name || `${app.name}@${hostname()}.${process.pid}`;
    this.queues = this.config.queues.length > 0 ? [...new Set(this.config.queues)] : ownQueues(app);
    this.log = workerLog({ level: this.config.logLevel, fields: { worker: this.name } });
  }

  /**
   * Connects and begins to take tasks. While Redis is away it waits, and says so in the log. A
   * `stop()` meanwhile ends the wait.
   *
   * @throws StartupError when a living worker has the name
   */
  async start(): Promise<void> {
    const { broker, prefix } = this.app.config;
    const { lockDuration } = this.config;
    // First, for it has to be up before a task blocks the loop.
    const keeper = new LockKeeper({ broker, lockDuration }, (error) =>
      this.log.error({ err: error }, 'locks are not kept while a task blocks the event loop'),
    );
    this.#keeper = keeper;
    const connection = openConnection(broker, `worker:${this.name}`);
    this.#connection = connection;
    await this.#connected(connection);
    if (this.#stopping) return;
    const presence = new Presence(connection, prefix, this.name);
    try {
      await presence.claim((error) => this.log.error({ err: error }, "the worker's name"));
    } catch (error) {
      await keeper.stop();
      await closeConnection(connection);
      throw error;
    }
    this.#presence = presence;
    if (this.#stopping) return presence.release();
    await connection.sadd(queuesKey(prefix), ...this.queues);
    await this.#consume(connection, keeper);
    this.#announce();
  }

  #announce(): void {
    const { app, queues, log } = this;
    const broker = redactAddress(app.config.broker);
    const { concurrency } = this.config;
    log.ready({ app: app.name, broker, queues, concurrency, tasks: app.tasks.names() });
  }

  async #connected(connection: Redis): Promise<void> {
    const { broker } = this.app.config;
    // A connection that is closed meanwhile is closed by stop(), which start() looks for.
    const settled = whenReady(connection).then(
      () => true,
      () => true,
    );
    while (!(await Promise.race([settled, pause(patience).then(() => false)]))) {
      this.log.warn(whyDown(connection, broker, 'the worker cannot start yet').message);
    }
  }

  async #consume(connection: Redis, keeper: LockKeeper): Promise<void> {
    const { app, name: worker, log } = this;
    const { concurrency, lockDuration, stalledInterval, keepFailed, keepFailedFor } = this.config;
    const onRoom = (change: 1 | -1): void => {
      for (const consumer of this.#consumers) consumer.resize(change);
    };
    const executor = new Executor({ app, worker, connection, log, concurrency, onRoom });
    this.#executor = executor;
    const { prefix } = app.config;
    this.#consumers = this.queues.map(
      (queue) =>
        new Consumer(queue, {
          connection,
          prefix,
          executor,
          log,
          concurrency,
          lockDuration,
          stalledInterval,
          keepFailed,
          keepFailedFor,
        }),
    );
    keeper.watch(
      this.#consumers.map(({ queue, tokenPrefix }) => {
        const base = `${prefix}:${bullQueueName(queue)}:`;
        return { active: `${base}active`, jobPrefix: base, tokenPrefix };
      }),
    );
    await Promise.all(
      this.#consumers.map((consumer) =>
        consumer.start((error) => log.error({ err: error }, 'a queue stopped')),
      ),
    );
  }

  /** How many tasks run now. */
  get running(): number {
    return this.#executor?.running ?? 0;
  }

  /**
   * Stops taking tasks and waits for those that run. With `force`, also after a first call without
   * it, running tasks go back to their queues at once.
   */
  async stop({ force = false }: { force?: boolean } = {}): Promise<void> {
    this.#stopping ??= this.#stop();
    if (force) {
      await pause(settling);
      await Promise.race([this.#handBack(), pause(lastWait)]);
      return;
    }
    await this.#stopping;
  }

  /** What runs is not waited for: connections end with it. */
  async #handBack(): Promise<void> {
    await this.#executor?.handBackAll();
    if (this.#connection?.status === 'ready') await this.#presence?.release();
    this.log.flush();
  }

  async #stop(): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    await Promise.all(this.#consumers.map((consumer) => consumer.stop()));
    await this.#keeper?.stop();
    // With Redis away the claim lapses by itself.
    if (connection.status === 'ready') await this.#presence?.release();
    await closeConnection(connection);
    this.log.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** The default queue, and the queues that tasks name. */
function ownQueues(app: App): string[] {
  const named = app.tasks.names().map((name) => inside(app.tasks.get(name)).definition.calls.queue);
  return [...new Set([app.config.defaultQueue, ...named.filter((queue) => queue !== undefined)])];
}

function pause(span: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, span).unref());
}
