/** The worker: takes tasks from its queues, runs them, and stops in order. */
import type { App, Duration, PoolKind } from '@dtask/core';
import {
  type AppSource,
  bullQueueName,
  closeConnection,
  type Definition,
  findDefinition,
  inside,
  openConnection,
  queuesKey,
  redactAddress,
  refuseUnknown,
  resolveSettings,
  timeLimits,
  whenReady,
  whyDown,
  type WorkerConfig,
  workerSettings,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import { Autoscaler } from './autoscaler.js';
import { Consumer } from './consumer.js';
import { Executor } from './executor.js';
import { Limits } from './limits/limits.js';
import { LockKeeper } from './lock-keeper.js';
import { workerLog, type WorkerLog } from './log.js';
import { Outcomes } from './outcomes.js';
import { firstSize, ownQueues, scaleOf, sourceOf } from './outset.js';
import { Pools, type PoolsPlace } from './pools.js';
import { Presence } from './presence.js';
import type { RunPlace } from './run.js';
import { Slots } from './slots.js';
import { runningTask, type Snapshot } from './snapshot.js';
import { pause, within } from './within.js';
import { workerName } from './worker-name.js';

/** The options of a worker. Each may also come from the environment; see the configuration reference. */
export interface WorkerOptions {
  /** Queues to take tasks from. @default the app's default queue and those that its tasks name */
  queues?: readonly string[];
  /**
   * Where the code of tasks runs: on this process' event loop, for code that waits more than it
   * computes; in threads; or in child processes, which can be killed whatever they do.
   * @default 'inline'
   */
  pool?: PoolKind;
  /** How many tasks run at a time. @default 10 inline, else the number of CPUs */
  concurrency?: number;
  /** Between how many tasks at a time to scale: `'10,2'` is at most 10 and at least 2. */
  autoscale?: `${number},${number}`;
  /** Longest run of tasks that say nothing themselves. @default none */
  timeLimit?: Duration;
  /** When the `signal` fires of tasks that say nothing themselves. @default none */
  softTimeLimit?: Duration;
  /** How many tasks a child runs before a new one takes its place. @default no limit */
  maxTasksPerChild?: number;
  /** Memory of a child, in bytes, above which a new one takes its place. @default no limit */
  maxMemoryPerChild?: number;
  /** How long `stop()` waits for running tasks before they go back to their queues. @default for ever */
  shutdownTimeout?: Duration;
  /**
   * The module that exports the App: a path, or `import.meta.url`. The children of a pool load it;
   * without it tasks that may have killed a worker run on this process' event loop again.
   */
  module?: string | URL | AppSource;
  /**
   * The worker's name, which no other live worker may have. `%h` in it is the host, `%n` the host
   * without its domain, `%d` the domain, `%a` the App's name. @default 'app@host.pid'
   */
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
/**
 * Longest that handing tasks back may take, when told to stop at once and when the time to stop is
 * over, in milliseconds. What is not handed back by then is found as stalled.
 */
const lastWait = { forced: 5_000, late: 500 } as const;
/** Longest that children need to end that were killed, in milliseconds. */
const lastBreath = 250;

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
  #pools: Pools | undefined;
  #opened: Promise<Outcomes> | undefined;
  #limits: Limits | undefined;
  #autoscaler: Autoscaler | undefined;
  #keeper: LockKeeper | undefined;
  readonly #source: AppSource | undefined;
  readonly #slots: Slots;
  #consumers: Consumer[] = [];
  #stopping: Promise<void> | undefined;
  #failure: unknown;
  #onEnd: () => void = () => undefined;
  /** Resolves when it has stopped, by itself or because it was told to; see `failure`. */
  readonly ended = new Promise<void>((resolve) => {
    this.#onEnd = resolve;
  });

  /** @throws ConfigError when an option is unknown or of the wrong kind */
  constructor(app: App, options: WorkerOptions = {}) {
    const { module, ...settings } = options;
    refuseUnknown(settings, Object.keys(workerSettings), 'the worker');
    this.app = app;
    const config = resolveSettings(workerSettings, settings, process.env);
    this.config = Object.freeze({ ...config, concurrency: firstSize(config) });
    timeLimits(this.config);
    this.#source = sourceOf(module);
    this.#slots = new Slots(this.config.concurrency);
    this.name = workerName(this.config.name || `%a@%h.${process.pid}`, app.name);
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
    // First, for it has to be up before a task blocks the loop. Children do not block it.
    if (this.config.pool === 'inline') {
      this.#keeper = new LockKeeper({ broker, lockDuration }, (error) =>
        this.log.error({ err: error }, 'locks are not kept while a task blocks the event loop'),
      );
    }
    const connection = this.#connect();
    await this.#connected(connection);
    if (this.#stopping) return;
    const presence = new Presence(connection, prefix, this.name);
    try {
      await presence.claim((error) => this.log.error({ err: error }, "the worker's name"));
    } catch (error) {
      await this.#keeper?.stop();
      await closeConnection(connection);
      throw error;
    }
    this.#presence = presence;
    if (this.#stopping) return presence.release();
    await connection.sadd(queuesKey(prefix), ...this.queues);
    await this.#consume(connection);
    if (this.#stopping) return undefined;
    this.#announce();
  }

  /** Starts the children of its pools ahead of `start()`, which then takes less time. */
  async warm(): Promise<void> {
    await this.#open();
  }

  #connect(): Redis {
    return (this.#connection ??= openConnection(this.app.config.broker, `worker:${this.name}`));
  }

  #open(): Promise<Outcomes> {
    return (this.#opened ??= this.#openPools());
  }

  async #openPools(): Promise<Outcomes> {
    const { app, name: worker, log } = this;
    const outcomes = new Outcomes({ app, worker, connection: this.#connect(), log });
    const pools = new Pools(this.#poolsPlace(outcomes));
    this.#pools = pools;
    await pools.open(this.#definitions()).catch((error: unknown) => {
      // Children that are stopped while they load have not loaded the app.
      if (!this.#stopping) throw error;
    });
    return outcomes;
  }

  #definitions(): Definition[] {
    const { tasks } = this.app;
    return tasks.names().map((name) => inside(tasks.get(name)).definition);
  }

  #announce(): void {
    const { app, queues, log } = this;
    const broker = redactAddress(app.config.broker);
    const { pool } = this.config;
    const concurrency = this.#slots.size;
    log.ready({ app: app.name, broker, queues, pool, concurrency, tasks: app.tasks.names() });
    return undefined;
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

  async #consume(connection: Redis): Promise<void> {
    const { app, name: worker, log } = this;
    const { lockDuration, stalledInterval, keepFailed, keepFailedFor } = this.config;
    const { timeLimit, softTimeLimit } = this.config;
    const outcomes = await this.#open();
    const pools = this.#pools;
    if (this.#stopping || !pools) return;
    const limits = new Limits({ app, connection, log });
    limits.start(this.#definitions());
    this.#limits = limits;
    const time = { hard: timeLimit, soft: softTimeLimit };
    const place = { app, worker, connection, log, timeLimit: time, pools, limits };
    const executor = new Executor(place, outcomes);
    this.#executor = executor;
    const { prefix } = app.config;
    const slots = this.#slots;
    this.#consumers = this.queues.map(
      (queue) =>
        new Consumer(queue, {
          connection,
          prefix,
          executor,
          log,
          slots,
          lockDuration,
          stalledInterval,
          keepFailed,
          keepFailedFor,
        }),
    );
    this.#keeper?.watch(
      this.#consumers.map(({ queue, tokenPrefix }) => {
        const base = `${prefix}:${bullQueueName(queue)}:`;
        return { active: `${base}active`, jobPrefix: base, tokenPrefix };
      }),
    );
    const scale = scaleOf(this.config);
    if (scale) this.#autoscaler = new Autoscaler(slots, scale, (size) => this.resize(size));
    await Promise.all(
      this.#consumers.map((consumer) =>
        consumer.start((error) => log.error({ err: error }, 'a queue stopped')),
      ),
    );
  }

  #poolsPlace(outcomes: Outcomes): PoolsPlace {
    const { app, name: worker, log, config } = this;
    const lend = (): void => this.#slots.release();
    const takeBack = (): void => this.#slots.takeBack();
    const report: RunPlace['report'] = (message, outcome) => outcomes.report(message, outcome);
    const source = this.#source;
    return {
      kind: config.pool,
      size: this.#slots.size,
      inline: {
        worker,
        logger: log,
        report,
        lend,
        takeBack,
        grow: (part, message, join, name) => app.canvases.grow(part.node, message, join, name),
      },
      children: source && {
        app,
        report,
        lend,
        takeBack,
        source,
        worker,
        log,
        logLevel: config.logLevel,
        maxTasks: config.maxTasksPerChild,
        maxMemory: config.maxMemoryPerChild,
        onFatal: (error) => this.#fail(error),
      },
    };
  }

  /** Without children nothing can run here: others may have them. */
  #fail(error: unknown): void {
    this.log.fatal({ err: error }, 'the worker cannot run tasks any more, and stops');
    this.#failure ??= error;
    this.stop({ force: true }).catch(() => undefined);
  }

  /** What made the worker stop by itself, if anything did. */
  get failure(): unknown {
    return this.#failure;
  }

  /** How many tasks may run at a time. */
  get size(): number {
    return this.#slots.size;
  }

  /** Changes how many tasks run at a time. Those that run go on. */
  resize(size: number): void {
    this.#slots.resize(size);
    this.#pools?.resize(size);
    this.log.debug({ size }, 'resized');
  }

  /** How many tasks run now. */
  get running(): number {
    return this.#executor?.current.size ?? 0;
  }

  /** What it does at this moment. */
  snapshot(): Snapshot {
    const { app, queues, config, size } = this;
    const running = [...(this.#executor?.current ?? [])].map((current) => {
      const definition = current.message && findDefinition(app.tasks, current.message);
      return runningTask(current, definition?.execution.pool ?? config.pool);
    });
    return { pool: config.pool, concurrency: size, queues, running };
  }

  /**
   * Stops taking tasks and waits for those that run, for `shutdownTimeout` at most. With `force`,
   * also after a first call without it, it does not wait. What then still runs goes back to its
   * queue, except for what may run only once: that fails with a `WorkerLostError`.
   */
  async stop({ force = false }: { force?: boolean } = {}): Promise<void> {
    this.#stopping ??= this.#stop();
    try {
      const { shutdownTimeout } = this.config;
      if (!force && shutdownTimeout === 0) return await this.#stopping;
      if (!force) {
        if (await within(shutdownTimeout, this.#stopping)) return;
        this.log.warn('the time to stop is over: running tasks go back to their queues');
      }
      await within(settling, this.#stopping);
      this.#executor?.withdrawAll();
      const ended = Promise.all([this.#pools?.stop(true), this.#stopping]);
      await within(force ? lastWait.forced : lastWait.late, ended);
      this.log.flush();
    } finally {
      this.#onEnd();
    }
  }

  /**
   * Kills all children, for a process that is to end now.
   *
   * @returns false where one does not end: native code may hold a thread, and with it the process
   */
  endChildren(): Promise<boolean> {
    return within(lastBreath, this.#pools?.stop(true) ?? Promise.resolve());
  }

  async #stop(): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    this.#autoscaler?.stop();
    this.#limits?.stop();
    await Promise.all(this.#consumers.map((consumer) => consumer.stop()));
    await this.#pools?.stop();
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
