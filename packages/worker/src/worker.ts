/** The worker: takes tasks from its queues, runs them, and stops in order. */
import { type App, StartupError, type WorkerProcess, type WorkerSummary } from '@dtask/core';
import {
  type AppSource,
  closeConnection,
  inside,
  openConnection,
  redactAddress,
  whenReady,
  whyDown,
  type WorkerConfig,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import { Autoscaler, type Scale } from './autoscaler.js';
import { Broadcasts } from './broadcasts.js';
import { Consumers } from './consumers.js';
import { ControlDesk } from './control/control-desk.js';
import { Executor } from './executor.js';
import { Limits } from './limits/limits.js';
import { LockKeeper } from './lock-keeper.js';
import { workerLog, type WorkerLog } from './log.js';
import { Outcomes } from './outcomes.js';
import { queuesOf } from './own-queues.js';
import { Pools, type PoolsPlace } from './pools.js';
import { Presence } from './presence.js';
import { Slots } from './slots.js';
import { checkOptions, scaleOf, type WorkerOptions } from './worker-options.js';

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
  readonly #source: AppSource | undefined;
  readonly #slots: Slots;
  readonly #queues: readonly string[];
  #connection: Redis | undefined;
  #presence: Presence | undefined;
  #executor: Executor | undefined;
  #pools: Pools | undefined;
  #limits: Limits | undefined;
  #autoscaler: Autoscaler | undefined;
  #keeper: LockKeeper | undefined;
  #consumers: Consumers | undefined;
  #broadcasts: Broadcasts | undefined;
  #desk: ControlDesk | undefined;
  #farewell: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #failure: unknown;
  #onEnd: () => void = () => undefined;
  /** Resolves when it has stopped, also by `app.control.shutdown()`. */
  readonly ended = new Promise<void>((resolve) => {
    this.#onEnd = resolve;
  });

  /** @throws ConfigError when an option is unknown or of the wrong kind */
  constructor(app: App, options: WorkerOptions = {}) {
    const { config, name, source } = checkOptions(app, options);
    this.app = app;
    this.config = config;
    this.name = name;
    this.#source = source;
    this.#slots = new Slots(config.concurrency);
    this.#queues = queuesOf(app, config.queues, config.excludeQueues);
    this.log = workerLog({ level: config.logLevel, fields: { worker: name } });
    app.hooks.reportTo((hook, err) => this.log.error({ hook, err }, `the hook ${hook} threw`));
  }

  /** The queues that it takes tasks from. */
  get queues(): readonly string[] {
    return this.#consumers?.queues ?? this.#queues;
  }

  /** How many tasks run now. */
  get running(): number {
    return this.#executor?.current.size ?? 0;
  }

  /** How many tasks may run at a time. */
  get size(): number {
    return this.#slots.size;
  }

  /** What made the worker stop by itself, if anything did. */
  get failure(): unknown {
    return this.#failure;
  }

  /**
   * Connects and begins to take tasks. While Redis is away it waits, and says so in the log. A
   * `stop()` meanwhile ends the wait.
   *
   * @throws StartupError when a living worker has the name, or the children of its pool cannot load
   * the app; ConfigError when they are not told what to load
   */
  async start(): Promise<void> {
    const { broker, prefix } = this.app.config;
    const { lockDuration, pool } = this.config;
    await this.app.hooks.emit('workerInit', this.#summary);
    // First, for it has to be up before a task blocks the loop. Children do not block it.
    if (pool === 'inline') {
      this.#keeper = new LockKeeper({ broker, lockDuration }, (error) =>
        this.log.error({ err: error }, 'locks are not kept while a task blocks the event loop'),
      );
    }
    const connection = openConnection(broker, `worker:${this.name}`);
    this.#connection = connection;
    await this.#connected(connection);
    if (this.#stopping) return;
    const desk = (this.#desk = this.#sit(connection));
    await desk.open();
    if (this.#stopping) return;
    const presence = new Presence(connection, prefix, this.name, desk.clock);
    try {
      await presence.claim((error) => this.log.error({ err: error }, "the worker's name"));
    } catch (error) {
      await this.#keeper?.stop();
      await desk.close();
      await closeConnection(connection);
      throw error;
    }
    this.#presence = presence;
    if (this.#stopping) return presence.release();
    await desk.begin();
    await this.#consume(connection, desk);
    if (this.#stopping) return undefined;
    this.#announce();
    void this.app.hooks.emit('workerReady', this.#summary);
    return undefined;
  }

  get #summary(): WorkerSummary {
    const { name, app, queues, size } = this;
    return { name, app: app.name, queues, concurrency: size, pid: process.pid };
  }

  /** Without children the worker is what runs tasks. */
  get #process(): WorkerProcess {
    return { worker: this.name, pool: 'inline', pid: process.pid };
  }

  #announce(): void {
    const { app, queues, log, size: concurrency } = this;
    const broker = redactAddress(app.config.broker);
    const { pool } = this.config;
    log.ready({ app: app.name, broker, queues, pool, concurrency, tasks: app.tasks.names() });
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

  /** What answers control commands, and tells. */
  #sit(connection: Redis): ControlDesk {
    const { app, name: worker, config, log } = this;
    const consumers = (): Consumers => {
      if (this.#consumers && !this.#stopping) return this.#consumers;
      throw new StartupError('the worker is starting or stopping');
    };
    const pools = (): Pools => {
      if (this.#pools) return this.#pools;
      throw new StartupError('the worker is starting');
    };
    return new ControlDesk({
      app,
      worker,
      config,
      connection,
      log,
      current: () => this.#executor?.current ?? [],
      queues: () => this.queues,
      addConsumer: (queue) => consumers().add(queue),
      cancelConsumer: (queue) => consumers().cancel(queue),
      revoke: (id, reason, terminate) => this.#executor?.revoke(id, reason, terminate) ?? false,
      forgetTurns: (task) => this.#limits?.forgetTurns(task),
      size: () => this.size,
      resize: (size) => this.resize(size),
      autoscale: (scale) => this.#autoscale(scale),
      pool: () => pools().main,
      restart: () => pools().restart(),
      // Behind the answer.
      stop: () => void setImmediate(() => this.#stopSoon()),
    });
  }

  #stopSoon(): void {
    this.stop().catch((error: unknown) => this.log.error({ err: error }, 'not stopped in order'));
  }

  #autoscale(scale: Scale): void {
    const scaler = (this.#autoscaler ??= new Autoscaler(this.#slots, (size) => this.resize(size)));
    scaler.fit(scale);
  }

  async #consume(connection: Redis, desk: ControlDesk): Promise<void> {
    const { app, name: worker, log, config } = this;
    const { prefix } = app.config;
    const { events, rules, limits: overrides } = desk;
    const outcomes = new Outcomes({ app, worker, connection, log, events });
    const pools = (this.#pools = new Pools(this.#poolsPlace(outcomes)));
    const definitions = app.tasks.names().map((name) => inside(app.tasks.get(name)).definition);
    if (config.pool === 'inline') await app.hooks.emit('workerProcessInit', this.#process);
    await pools.open(definitions);
    if (this.#stopping) return;
    const limits = (this.#limits = new Limits({ app, connection, log, overrides }));
    limits.start(definitions);
    const timeLimit = { hard: config.timeLimit, soft: config.softTimeLimit };
    const surroundings = { app, worker, connection, log, timeLimit, pools, limits };
    const place = { ...surroundings, overrides, events, rules };
    const executor = (this.#executor = new Executor(place, outcomes));
    const broadcasts = (this.#broadcasts = this.#broadcastsOn(connection));
    await broadcasts.clear();
    const scale = scaleOf(config);
    const slots = this.#slots;
    if (scale) this.#autoscale(scale);
    const keeper = this.#keeper;
    this.#consumers = new Consumers({
      connection,
      prefix,
      executor,
      log,
      slots,
      config,
      broadcasts,
      keeper,
    });
    await this.#consumers.start(this.#queues);
    await broadcasts.listen();
  }

  #broadcastsOn(connection: Redis): Broadcasts {
    const { app, name: worker, log } = this;
    return new Broadcasts({
      connection,
      prefix: app.config.prefix,
      worker,
      queues: this.#queues.filter((queue) => app.broadcast.includes(queue)),
      onError: (err) => log.warn({ err }, 'what is broadcast may be missed'),
    });
  }

  #poolsPlace(outcomes: Outcomes): PoolsPlace {
    const { app, name: worker, log, config } = this;
    const { logLevel, maxTasksPerChild: maxTasks, maxMemoryPerChild: maxMemory } = config;
    const runs = {
      worker,
      logger: log,
      report: outcomes.report.bind(outcomes),
      lend: () => this.#slots.release(),
      takeBack: () => this.#slots.takeBack(),
      grow: app.canvases.grow.bind(app.canvases),
    };
    const source = this.#source;
    const onFatal = (error: unknown): void => this.#fail(error);
    return {
      kind: config.pool,
      size: this.#slots.size,
      app,
      runs,
      children: source && { source, runs, worker, log, logLevel, maxTasks, maxMemory, onFatal },
    };
  }

  /** Without children nothing can run here: others may have them. */
  #fail(error: unknown): void {
    this.log.fatal({ err: error }, 'the worker cannot run tasks any more, and stops');
    this.#failure ??= error;
    this.stop({ force: true }).catch(() => undefined);
  }

  /** Changes how many tasks run at a time. Those that run go on. */
  resize(size: number): void {
    this.#slots.resize(size);
    this.#pools?.resize(size);
    this.log.debug({ size }, 'resized');
  }

  /**
   * Stops taking tasks and waits for those that run, at most for `shutdownTimeout`. With `force`, also
   * after a first call without it, running tasks go back to their queues at once.
   */
  async stop({ force = false }: { force?: boolean } = {}): Promise<void> {
    this.#stopping ??= this.#stop(force);
    const { shutdownTimeout } = this.config;
    if (!force && shutdownTimeout > 0) {
      const ended = this.#stopping.then(() => true);
      if (await Promise.race([ended, pause(shutdownTimeout).then(() => false)])) return;
      this.log.warn('the time to stop is over: running tasks go back to their queues');
    } else if (!force) return this.#stopping;
    await pause(settling);
    await Promise.race([this.#handBack(), pause(lastWait)]);
  }

  /** What runs is not waited for: connections end with it. */
  async #handBack(): Promise<void> {
    await this.#executor?.handBackAll();
    await this.#pools?.stop(true);
    if (this.#connection?.status === 'ready') await this.#presence?.release();
    await this.#desk?.close();
    await this.#ended();
    this.log.flush();
  }

  async #stop(force: boolean): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    void this.app.hooks.emit('workerShuttingDown', { ...this.#summary, force });
    this.#autoscaler?.stop();
    this.#limits?.stop();
    if (connection.status === 'ready') await this.#broadcasts?.leave();
    await this.#consumers?.stop();
    await this.#pools?.stop();
    await this.#keeper?.stop();
    // With Redis away the claim lapses by itself.
    if (connection.status === 'ready') {
      await this.#broadcasts?.end();
      await this.#presence?.release();
    }
    await this.#desk?.close();
    await closeConnection(connection);
    await this.#ended();
    this.log.flush();
    this.#onEnd();
  }

  /** Tells the hooks, once. */
  #ended(): Promise<void> {
    const { hooks } = this.app;
    return (this.#farewell ??= (async () => {
      if (this.config.pool === 'inline') await hooks.emit('workerProcessShutdown', this.#process);
      await hooks.emit('workerShutdown', this.#summary);
    })());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function pause(span: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, span).unref());
}
