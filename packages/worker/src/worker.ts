/** The worker: takes tasks from its queues, runs them, and stops in order. */
import type { App, WorkerProcess, WorkerSummary } from '@dtask/core';
import {
  type AppSource,
  type Definition,
  findDefinition,
  inside,
  redactAddress,
  type WorkerConfig,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import { Autoscaler, type Scale } from './autoscaler.js';
import { Branches } from './branches.js';
import { Broadcasts } from './broadcasts.js';
import { connected } from './connected.js';
import type { ControlDesk } from './control/control-desk.js';
import { seat, type SeatParts } from './control/seat.js';
import { watchLateTasks } from './late-tasks.js';
import { Limits } from './limits/limits.js';
import { Links } from './links.js';
import { LockKeeper } from './lock-keeper.js';
import { Monitor } from './monitor/monitor.js';
import type { TaskCounts } from './monitor/task-counts.js';
import type { ChildPoolPlace, ReadyChildren } from './pool/child-pool.js';
import { workerLog, type WorkerLog } from './log.js';
import { queuesOf } from './own-queues.js';
import { Pools, type PoolsPlace } from './pools.js';
import { Presence } from './presence.js';
import type { RunPlace } from './run.js';
import { shortNames } from './short-names.js';
import { Slots } from './slots.js';
import { runningTask, type Snapshot } from './snapshot.js';
import { unlikely } from './unlikely.js';
import { within } from './within.js';
import { checkOptions, scaleOf, type WorkerOptions } from './worker-options.js';

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
  /** The checked settings. */
  readonly config: WorkerConfig;
  readonly log: WorkerLog;
  /** What it counts of its tasks. */
  readonly counts: TaskCounts;
  readonly #source: AppSource | undefined;
  readonly #slots: Slots;
  readonly #queues: readonly string[];
  readonly #monitor: Monitor;
  #links: Links | undefined;
  #presence: Presence | undefined;
  #branches: Branches | undefined;
  #pools: Pools | undefined;
  #warm: Promise<void> | undefined;
  #limits: Limits | undefined;
  #autoscaler: Autoscaler | undefined;
  #keeper: LockKeeper | undefined;
  #broadcasts: Broadcasts | undefined;
  #desk: ControlDesk | undefined;
  #farewell: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #failure: unknown;
  #onEnd: () => void = () => undefined;
  /** Resolves when it has stopped, by itself or because it was told to; see `failure`. */
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
    this.#monitor = new Monitor(this, () => ({
      links: this.#links,
      presence: this.#presence,
      pools: this.#pools,
      stopping: this.#stopping !== undefined,
    }));
    this.counts = this.#monitor.counts;
    app.hooks.reportTo((hook, err) => this.log.error({ hook, err }, `the hook ${hook} threw`));
  }

  /** The queues that it takes tasks from. */
  get queues(): readonly string[] {
    return this.#branches?.queues ?? this.#queues;
  }

  /** How many tasks run now. */
  get running(): number {
    return this.#branches?.running ?? 0;
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
    await this.#monitor.open(this.config, () => this.#start());
  }

  async #start(): Promise<void> {
    const { lockDuration, pool, onlyShards } = this.config;
    await this.app.hooks.emit('workerInit', this.#summary);
    // First, for it has to be up before a task blocks the loop. Children do not block it.
    if (pool === 'inline') {
      const shards = this.app.queues.shards.places;
      this.#keeper = new LockKeeper({ shards, lockDuration }, (error) =>
        this.log.error({ err: error }, 'locks are not kept while a task blocks the event loop'),
      );
    }
    const links = (this.#links = new Links(this.app, this.name, onlyShards));
    const { connection, shard } = links.main;
    await connected(connection, shard.address, this.log);
    if (this.#stopping) return;
    const parts = (): SeatParts => ({
      branches: this.#branches,
      pools: this.#pools,
      limits: this.#limits,
    });
    const desk = (this.#desk = seat(this, links, parts, (scale) => this.#autoscale(scale)));
    await desk.open();
    if (this.#stopping) return;
    const presence = new Presence(connection, this.app.queues.shards, this.name, desk.clock);
    try {
      await presence.claim((error) => this.log.error({ err: error }, "the worker's name"));
    } catch (error) {
      await this.#keeper?.stop();
      await desk.close();
      await links.close();
      throw error;
    }
    this.#presence = presence;
    if (this.#stopping) return presence.release();
    await desk.begin();
    await this.#consume(links, desk);
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
    const { app, queues, log, size: concurrency, config } = this;
    const broker = redactAddress(app.config.broker);
    const tasks = app.tasks.names();
    for (const line of [...unlikely(config), ...shortNames(app)]) log.warn(line);
    void this.ended.then(watchLateTasks(this));
    log.ready({ app: app.name, broker, queues, pool: config.pool, concurrency, tasks });
  }

  #autoscale(scale: Scale): void {
    const scaler = (this.#autoscaler ??= new Autoscaler(this.#slots, (size) => this.resize(size)));
    scaler.fit(scale);
  }

  /**
   * Starts the children of its pools ahead of `start()`, which then takes less time; `ready` ones first.
   *
   * @param waits whether a pool whose later children cannot load the app waits, and ends no worker
   */
  warm(ready?: ReadyChildren, waits = false): Promise<void> {
    this.#pools ??= new Pools(this.#poolsPlace(waits));
    this.#warm ??= this.#pools.open(this.#definitions(), ready).catch((error: unknown) => {
      // Children that are stopped while they load have not loaded the app.
      if (!this.#stopping) throw error;
    });
    return this.#warm;
  }

  #definitions(): Definition[] {
    const { tasks } = this.app;
    return tasks.names().map((name) => inside(tasks.get(name)).definition);
  }

  async #consume(links: Links, desk: ControlDesk): Promise<void> {
    const { app, name: worker, log, config, counts } = this;
    const { events, rules, limits: overrides } = desk;
    if (config.pool === 'inline') await app.hooks.emit('workerProcessInit', this.#process);
    await this.warm();
    const pools = this.#pools;
    if (this.#stopping || !pools) return;
    const limits = (this.#limits = new Limits({ app, links, log, overrides }));
    limits.start(this.#definitions());
    const timeLimit = { hard: config.timeLimit, soft: config.softTimeLimit };
    const slots = this.#slots;
    const broadcasts = (this.#broadcasts = this.#broadcastsOn(links.main.connection));
    await broadcasts.clear();
    const scale = scaleOf(config);
    if (scale) this.#autoscale(scale);
    const keeper = this.#keeper;
    const surroundings = { app, worker, log, timeLimit, pools, limits, slots, config };
    const heard = { overrides, events, rules, counts };
    this.#branches = new Branches({ ...surroundings, ...heard, broadcasts, keeper }, links);
    await this.#branches.start(this.#queues);
    await broadcasts.listen();
    const claimed = this.#presence?.claimed;
    if (claimed) keeper?.hold(links.main.shard, { ...claimed, listeners: broadcasts.listeners });
  }

  #broadcastsOn(connection: Redis): Broadcasts {
    const { app, name: worker, log } = this;
    return new Broadcasts({
      connection,
      prefix: app.queues.shards.main.prefix,
      worker,
      queues: this.#queues.filter((queue) => app.broadcast.includes(queue)),
      onError: (err) => log.warn({ err }, 'what is broadcast may be missed'),
    });
  }

  #poolsPlace(waits: boolean): PoolsPlace {
    const { app, name: worker, log, config } = this;
    const { logLevel, profile, maxTasksPerChild: maxTasks, maxMemoryPerChild: maxMemory } = config;
    const limits = { maxTasks, maxMemory };
    const runs: RunPlace = {
      worker,
      logger: log,
      report: async (message, outcome) => this.#branches?.report(message, outcome),
      tell: (message, event, fields) => this.#desk?.events.custom(message, event, fields),
      lend: () => this.#slots.release(),
      takeBack: () => this.#slots.takeBack(),
      grow: app.canvases.grow.bind(app.canvases),
      tracing: app.canvases.tracing,
    };
    const source = this.#source;
    const onFatal = (error: unknown): void => this.#fail(error);
    const onEnd: ChildPoolPlace['onEnd'] = (kind, how) => this.counts.childEnded(kind, how);
    const hears = { onFatal, onEnd, waits };
    return {
      kind: config.pool,
      size: this.#slots.size,
      app,
      runs,
      children: source && { source, runs, worker, log, logLevel, profile, ...limits, ...hears },
    };
  }

  /** Without children nothing can run here: others may have them. */
  #fail(error: unknown): void {
    this.log.fatal({ err: error }, 'the worker cannot run tasks any more, and stops');
    this.#failure ??= error;
    this.stop({ force: true }).catch(() => undefined);
  }

  /** Where it answers over HTTP, where it does. */
  get httpAddress(): string | undefined {
    return this.#monitor.address;
  }

  /**
   * The worker's metrics, and those of its process, in Prometheus' text format.
   *
   * @throws (rejects) ConfigError when prom-client is not installed
   */
  metrics(): Promise<string> {
    return this.#monitor.metrics();
  }

  /** Changes how many tasks run at a time. Those that run go on. */
  resize(size: number): void {
    this.#slots.resize(size);
    this.#pools?.resize(size);
    this.log.debug({ size }, 'resized');
  }

  /** What it does at this moment. */
  snapshot(): Snapshot {
    const { app, queues, config, size } = this;
    const running = (this.#branches?.current ?? []).map((current) => {
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
    this.#stopping ??= this.#stop(force);
    try {
      const { shutdownTimeout } = this.config;
      if (!force && shutdownTimeout === 0) return await this.#stopping;
      if (!force) {
        if (await within(shutdownTimeout, this.#stopping)) return;
        this.log.warn('the time to stop is over: running tasks go back to their queues');
      }
      await within(settling, this.#stopping);
      this.#branches?.withdrawAll();
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

  async #stop(force: boolean): Promise<void> {
    const links = this.#links;
    if (!links) return this.#monitor.close();
    const { connection } = links.main;
    void this.app.hooks.emit('workerShuttingDown', { ...this.#summary, force });
    this.#autoscaler?.stop();
    this.#limits?.stop();
    if (connection.status === 'ready') await this.#broadcasts?.leave();
    this.#pools?.leave();
    await this.#branches?.stop(force);
    await this.#pools?.stop();
    await this.#keeper?.stop();
    // With Redis away the claim lapses by itself.
    if (connection.status === 'ready') {
      await this.#broadcasts?.end();
      await this.#presence?.release();
    }
    await this.#desk?.close();
    await links.close();
    await this.#ended();
    await this.#monitor.close();
    this.log.flush();
    return undefined;
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
