/** The worker: takes tasks from its queues, runs them, and stops in order. */
import { hostname } from 'node:os';
import type { App, Duration, WorkerProcess, WorkerSummary } from '@dtask/core';
import {
  bullQueueName,
  closeConnection,
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
import { Broadcasts } from './broadcasts.js';
import { Consumer } from './consumer.js';
import { Executor } from './executor.js';
import { LockKeeper } from './lock-keeper.js';
import { workerLog, type WorkerLog } from './log.js';
import { queuesOf } from './own-queues.js';
import { Presence } from './presence.js';

/** The options of a worker. Each may also come from the environment; see the configuration reference. */
export interface WorkerOptions {
  /**
   * Queues to take tasks from.
   * @default the app's default queue, those that its tasks and their routes name, and its broadcasts
   */
  queues?: readonly string[];
  /** Queues not to take tasks from. @default none */
  excludeQueues?: readonly string[];
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
  #broadcasts: Broadcasts | undefined;
  #farewell: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** @throws ConfigError when an option is unknown or of the wrong kind */
  constructor(app: App, options: WorkerOptions = {}) {
    refuseUnknown({ ...options }, Object.keys(workerSettings), 'the worker');
    this.app = app;
    this.config = resolveSettings(workerSettings, { ...options }, process.env);
    this.name = this.config.name || `${app.name}@${hostname()}.${process.pid}`;
    this.queues = queuesOf(app, this.config.queues, this.config.excludeQueues);
    this.log = workerLog({ level: this.config.logLevel, fields: { worker: this.name } });
    app.hooks.reportTo((hook, err) => this.log.error({ hook, err }, `the hook ${hook} threw`));
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
    await this.app.hooks.emit('workerInit', this.#summary);
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
    await this.app.hooks.emit('workerProcessInit', this.#process);
    await this.#consume(connection, keeper);
    this.#announce();
    void this.app.hooks.emit('workerReady', this.#summary);
  }

  get #summary(): WorkerSummary {
    const { name, app, queues, config } = this;
    return { name, app: app.name, queues, concurrency: config.concurrency, pid: process.pid };
  }

  get #process(): WorkerProcess {
    return { worker: this.name, pool: 'inline', pid: process.pid };
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
    const { concurrency, lockDuration, stalledInterval } = this.config;
    const onRoom = (change: 1 | -1): void => {
      for (const consumer of this.#consumers) consumer.resize(change);
    };
    const executor = new Executor({ app, worker, connection, log, concurrency, onRoom });
    this.#executor = executor;
    const { prefix } = app.config;
    const broadcasts = this.#broadcastsOn(connection);
    await broadcasts.clear();
    const limits = { concurrency, lockDuration, stalledInterval };
    const place = { connection, prefix, executor, log, ...limits };
    this.#consumers = this.queues.map(
      (queue) => new Consumer(broadcasts.source(queue), place, queue),
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
    await broadcasts.listen();
  }

  #broadcastsOn(connection: Redis): Broadcasts {
    const { app, name: worker, log } = this;
    return (this.#broadcasts = new Broadcasts({
      connection,
      prefix: app.config.prefix,
      worker,
      queues: this.queues.filter((queue) => app.broadcast.includes(queue)),
      onError: (err) => log.warn({ err }, 'what is broadcast may be missed'),
    }));
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
    this.#stopping ??= this.#stop(force);
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
    await this.#ended();
    this.log.flush();
  }

  /** Tells the hooks, once. */
  #ended(): Promise<void> {
    const { hooks } = this.app;
    return (this.#farewell ??= (async () => {
      await hooks.emit('workerProcessShutdown', this.#process);
      await hooks.emit('workerShutdown', this.#summary);
    })());
  }

  async #stop(force: boolean): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    void this.app.hooks.emit('workerShuttingDown', { ...this.#summary, force });
    if (connection.status === 'ready') await this.#broadcasts?.leave();
    await Promise.all(this.#consumers.map((consumer) => consumer.stop()));
    await this.#keeper?.stop();
    // With Redis away the claim lapses by itself.
    if (connection.status === 'ready') {
      await this.#broadcasts?.end();
      await this.#presence?.release();
    }
    await closeConnection(connection);
    await this.#ended();
    this.log.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function pause(span: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, span).unref());
}
