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
import { ControlDesk } from './control/control-desk.js';
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
  /** Whether it tells of its tasks and of itself by events. @default false */
  events?: boolean;
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
  /** The checked settings. */
  readonly config: WorkerConfig;
  readonly log: WorkerLog;
  #connection: Redis | undefined;
  #presence: Presence | undefined;
  #executor: Executor | undefined;
  #keeper: LockKeeper | undefined;
  #desk: ControlDesk | undefined;
  readonly #queues: Set<string>;
  readonly #consumers = new Map<string, Consumer>();
  /** Those whose last tasks still run. */
  readonly #leaving = new Set<Consumer>();
  /** How many tasks more, or fewer, than its concurrency each queue has room for. */
  #room = 0;
  #stopping: Promise<void> | undefined;
  #onEnd: () => void = () => undefined;
  /** Resolves when it has stopped, also by `app.control.shutdown()`. */
  readonly ended = new Promise<void>((resolve) => {
    this.#onEnd = resolve;
  });

  /** @throws ConfigError when an option is unknown or of the wrong kind */
  constructor(app: App, options: WorkerOptions = {}) {
    refuseUnknown({ ...options }, Object.keys(workerSettings), 'the worker');
    this.app = app;
    this.config = resolveSettings(workerSettings, { ...options }, process.env);
    this.name = this.config.name || `${app.name}@${hostname()}.${process.pid}`;
    this.#queues = new Set(this.config.queues.length > 0 ? this.config.queues : ownQueues(app));
    this.log = workerLog({ level: this.config.logLevel, fields: { worker: this.name } });
  }

  /** The queues that it takes tasks from; `app.control` may change them while it runs. */
  get queues(): readonly string[] {
    return [...this.#queues];
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
    const desk = this.#sit(connection, keeper);
    await desk.open();
    if (this.#stopping) return;
    const presence = new Presence(connection, prefix, this.name, desk.clock);
    try {
      await presence.claim((error) => this.log.error({ err: error }, "the worker's name"));
    } catch (error) {
      await keeper.stop();
      await desk.close();
      await closeConnection(connection);
      throw error;
    }
    this.#presence = presence;
    if (this.#stopping) return presence.release();
    await desk.begin();
    const executor = this.#hire(connection, desk);
    await Promise.all(this.queues.map((queue) => this.#consume(queue, connection, executor)));
    this.#watch(keeper);
    this.#announce();
  }

  /** What answers control commands, and tells. */
  #sit(connection: Redis, keeper: LockKeeper): ControlDesk {
    const { app, name: worker, config, log } = this;
    return (this.#desk = new ControlDesk({
      app,
      worker,
      config,
      connection,
      log,
      current: () => this.#executor?.current ?? new Set(),
      queues: () => this.queues,
      addConsumer: (queue) => this.#add(queue, connection, keeper),
      cancelConsumer: (queue) => this.#cancel(queue, keeper),
      // Behind the answer.
      stop: () => void setImmediate(() => this.#stopSoon()),
    }));
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

  #stopSoon(): void {
    this.stop().catch((error: unknown) => this.log.error({ err: error }, 'not stopped in order'));
  }

  #hire(connection: Redis, { events, rules }: ControlDesk): Executor {
    const { app, name: worker, log } = this;
    const { concurrency } = this.config;
    const onRoom = (change: 1 | -1): void => {
      this.#room += change;
      for (const consumer of this.#consumers.values()) consumer.resize(change);
    };
    const place = { app, worker, connection, log, concurrency, events, rules, onRoom };
    return (this.#executor = new Executor(place));
  }

  /** Takes tasks from a queue. */
  async #consume(queue: string, connection: Redis, executor: Executor): Promise<void> {
    const { log } = this;
    const { concurrency, lockDuration, stalledInterval } = this.config;
    const { prefix } = this.app.config;
    await connection.sadd(queuesKey(prefix), queue);
    const consumer = new Consumer(queue, {
      connection,
      prefix,
      executor,
      log,
      concurrency: concurrency + this.#room,
      lockDuration,
      stalledInterval,
    });
    this.#consumers.set(queue, consumer);
    await consumer.start((error) => log.error({ err: error }, 'a queue stopped'));
  }

  /** Tells the keeper whose locks to keep: also those of tasks that end with their consumer. */
  #watch(keeper: LockKeeper): void {
    const { prefix } = this.app.config;
    keeper.watch(
      [...this.#consumers.values(), ...this.#leaving].map(({ queue, tokenPrefix }) => {
        const base = `${prefix}:${bullQueueName(queue)}:`;
        return { active: `${base}active`, jobPrefix: base, tokenPrefix };
      }),
    );
  }

  async #add(queue: string, connection: Redis, keeper: LockKeeper): Promise<boolean> {
    const executor = this.#executor;
    if (!executor || this.#stopping) throw new Error('the worker is starting or stopping');
    if (this.#queues.has(queue)) return false;
    this.#queues.add(queue);
    try {
      await this.#consume(queue, connection, executor);
    } catch (error) {
      this.#queues.delete(queue);
      throw error;
    }
    this.#watch(keeper);
    return true;
  }

  #cancel(queue: string, keeper: LockKeeper): boolean {
    const consumer = this.#consumers.get(queue);
    if (!consumer || this.#stopping) return false;
    this.#queues.delete(queue);
    this.#consumers.delete(queue);
    this.#leaving.add(consumer);
    consumer.stop().then(
      () => {
        this.#leaving.delete(consumer);
        if (!this.#stopping) this.#watch(keeper);
      },
      (error: unknown) => this.log.error({ err: error, queue }, 'a queue was not left in order'),
    );
    return true;
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
    await this.#desk?.close();
    this.log.flush();
  }

  async #stop(): Promise<void> {
    await this.#close();
    this.#onEnd();
  }

  async #close(): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    const consumers = [...this.#consumers.values(), ...this.#leaving];
    await Promise.all(consumers.map((consumer) => consumer.stop()));
    await this.#keeper?.stop();
    // With Redis away the claim lapses by itself.
    if (connection.status === 'ready') await this.#presence?.release();
    await this.#desk?.close();
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
