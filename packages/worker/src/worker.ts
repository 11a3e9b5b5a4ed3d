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
import { seat } from './control/seat.js';
import { Departure } from './departure.js';
import { watchLateTasks } from './late-tasks.js';
import { Life, type LifeState } from './life.js';
import { lockTimes } from './life-sign.js';
import { Limits } from './limits/limits.js';
import { Links } from './links.js';
import { LockKeeper } from './lock-keeper.js';
import { Monitor } from './monitor/monitor.js';
import type { TaskCounts } from './monitor/task-counts.js';
import type { ChildPoolPlace, ReadyChildren } from './pool/child-pool.js';
import { workerLog, type WorkerLog } from './log.js';
import { queuesOf } from './own-queues.js';
import type { Parts } from './parts.js';
import { Pools, type PoolsPlace } from './pools.js';
import { Presence } from './presence.js';
import { refusalsOf } from './refusals.js';
import type { RunPlace } from './run.js';
import { shortNames } from './short-names.js';
import { Slots } from './slots.js';
import { runningTask, type Snapshot } from './snapshot.js';
import { unlikely } from './unlikely.js';
import { within, withinTurns } from './within.js';
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
  readonly #parts: Parts = {};
  readonly #departure: Departure;
  readonly #life: Life;
  #warm: Promise<void> | undefined;
  /** Whom the hooks have told that it begins, and so are to tell that it has ended. */
  #greeted: 'nobody' | 'worker' | 'process' = 'nobody';
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
    this.#departure = new Departure(this.#parts, this.log);
    this.#life = new Life({
      what: `worker ${name}`,
      app,
      log: this.log,
      end: (force) => this.#end(force).finally(this.#onEnd),
      onFailure: (error) => (this.#failure ??= error),
    });
    this.#monitor = new Monitor(this, () => ({
      links: this.#parts.links,
      presence: this.#parts.presence,
      pools: this.#parts.pools,
      stopping: this.#life.isOver,
      refused: this.#parts.branches?.refused ?? 0,
    }));
    this.counts = this.#monitor.counts;
    app.hooks.reportTo((hook, err) => this.log.error({ hook, err }, `the hook ${hook} threw`));
  }

  /** Where it stands: see the guide on what may follow on which. */
  get state(): LifeState {
    return this.#life.state;
  }

  /** The queues that it takes tasks from. */
  get queues(): readonly string[] {
    return this.#parts.branches?.queues ?? this.#queues;
  }

  /** How many tasks run now. */
  get running(): number {
    return this.#parts.branches?.running ?? 0;
  }

  /** How many tasks may run at a time. */
  get size(): number {
    return this.#slots.size;
  }

  /** What made the worker stop by itself, or kept it from starting, if anything did. */
  get failure(): unknown {
    return this.#failure;
  }

  /**
   * Connects and begins to take tasks. While Redis is away it waits, and says so in the log. A
   * `stop()` meanwhile ends the wait, and this resolves. Called again, it is the same start.
   *
   * @throws (rejects) with nothing left behind: StartupError when a living worker has the name, the
   * children of its pool cannot load the app, its port cannot be had, or the worker was stopped before;
   * ConfigError when children are not told what to load, or there is no such shard
   */
  start(): Promise<void> {
    return this.#life.start(() => this.#monitor.open(this.config, () => this.#start()));
  }

  async #start(): Promise<void> {
    const parts = this.#parts;
    const step = this.#life.step.bind(this.#life);
    const { lockDuration, pool, onlyShards } = this.config;
    parts.pools ??= new Pools(this.#poolsPlace(false));
    parts.pools.check(this.#definitions());
    const links = (parts.links = new Links(this.app, this.name, onlyShards));
    for (const { shard } of [links.main, ...links.served])
      shard.clock.onDifference = (warning) => this.log.warn(warning);
    // It has to be up before a task blocks the loop. Children do not block it.
    if (pool === 'inline') {
      const shards = this.app.queues.shards.places;
      parts.keeper = new LockKeeper({ shards, ...lockTimes(lockDuration) }, (error) =>
        this.log.error({ err: error }, 'locks are not kept while a task blocks the event loop'),
      );
    }
    this.#greeted = 'worker';
    await step(this.app.hooks.emit('workerInit', this.#summary));
    const { connection, shard } = links.main;
    await step(connected(connection, shard.address, this.log));
    const desk = (parts.desk = seat(
      this,
      links,
      () => parts,
      (scale) => this.#autoscale(scale),
    ));
    await step(desk.open());
    parts.presence = new Presence(connection, this.app.queues.shards, this.name, desk.clock);
    await step(
      parts.presence.claim((error) => this.log.error({ err: error }, "the worker's name")),
    );
    await step(desk.begin());
    await this.#consume(links, desk, parts.pools);
    this.#announce();
    void this.app.hooks.emit('workerReady', this.#summary);
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
    if (this.#life.isOver) return;
    const scaler = (this.#parts.autoscaler ??= new Autoscaler(this.#slots, (size) =>
      this.resize(size),
    ));
    scaler.fit(scale);
  }

  /**
   * Starts the children of its pools ahead of `start()`, which then takes less time; `ready` ones first.
   *
   * @param waits whether a pool whose later children cannot load the app waits, and ends no worker
   */
  warm(ready?: ReadyChildren, waits = false): Promise<void> {
    const pools = (this.#parts.pools ??= new Pools(this.#poolsPlace(waits)));
    this.#warm ??= pools.open(this.#definitions(), ready).catch((error: unknown) => {
      // Children that are stopped while they load have not loaded the app.
      if (!this.#life.isOver) throw error;
    });
    return this.#warm;
  }

  #definitions(): Definition[] {
    const { tasks } = this.app;
    return tasks.names().map((name) => inside(tasks.get(name)).definition);
  }

  async #consume(links: Links, desk: ControlDesk, pools: Pools): Promise<void> {
    const { app, name: worker, log, config, counts } = this;
    const parts = this.#parts;
    const step = this.#life.step.bind(this.#life);
    const { events, rules, limits: overrides } = desk;
    if (config.pool === 'inline') {
      this.#greeted = 'process';
      await step(app.hooks.emit('workerProcessInit', this.#process));
    }
    await step(Promise.all([this.warm(), parts.keeper?.up]));
    const elsewhere = refusalsOf(links.main.connection, log, counts);
    const limits = (parts.limits = new Limits({ app, links, log, overrides, aside: elsewhere }));
    limits.start(this.#definitions());
    const timeLimit = { hard: config.timeLimit, soft: config.softTimeLimit };
    const slots = this.#slots;
    const broadcasts = (parts.broadcasts = this.#broadcastsOn(links.main.connection));
    await step(broadcasts.clear());
    const scale = scaleOf(config);
    if (scale) this.#autoscale(scale);
    const { keeper } = parts;
    const surroundings = { app, worker, log, timeLimit, pools, limits, slots, config };
    const heard = { overrides, events, rules, counts };
    const aside = links.several ? elsewhere : undefined;
    parts.branches = new Branches({ ...surroundings, ...heard, aside, broadcasts, keeper }, links);
    await step(parts.branches.start(this.#queues));
    await step(broadcasts.listen());
    const claimed = parts.presence?.claimed;
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
      report: async (message, outcome) => this.#parts.branches?.report(message, outcome),
      tell: (message, event, fields) => this.#parts.desk?.events.custom(message, event, fields),
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
    if (!this.#life.fail(error)) this.stop({ force: true }).catch(() => undefined);
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
    this.#parts.pools?.resize(size);
    this.log.debug({ size }, 'resized');
  }

  /** What it does at this moment. */
  snapshot(): Snapshot {
    const { app, queues, config, size } = this;
    const running = (this.#parts.branches?.current ?? []).map((current) => {
      const definition = current.message && findDefinition(app.tasks, current.message);
      return runningTask(current, definition?.execution.pool ?? config.pool);
    });
    return { pool: config.pool, concurrency: size, queues, running };
  }

  /**
   * Stops taking tasks and waits for those that run, for `shutdownTimeout` at most. With `force`,
   * also after a first call without it, it does not wait. What then still runs goes back to its
   * queue, except for what may run only once: that fails with a `WorkerLostError`.
   *
   * Redis is waited for no longer than 30 seconds, and where nothing runs only for moments: what it has not
   * heard of by then is found as after a crash. A worker that was stopped is not started again.
   */
  async stop({ force = false }: { force?: boolean } = {}): Promise<void> {
    const stopped = this.#life.stop(force);
    const { shutdownTimeout } = this.config;
    if (!force && shutdownTimeout === 0) return stopped;
    if (!force) {
      if (await within(shutdownTimeout, stopped)) return undefined;
      this.log.warn('the time to stop is over: running tasks go back to their queues');
    }
    await this.#withdraw(stopped, force ? lastWait.forced : lastWait.late);
    return this.#onEnd();
  }

  /** Hands back what runs, and waits for that; what takes longer than the rest of its time is cut off. */
  async #withdraw(stopped: Promise<void>, span: number): Promise<void> {
    await within(settling, stopped);
    this.#parts.branches?.withdrawAll();
    const ended = Promise.all([this.#parts.pools?.stop(true), stopped]);
    const cut = setTimeout(() => this.#departure.cut(), lastWait.forced);
    void ended.catch(() => undefined).then(() => clearTimeout(cut));
    if (!(await within(span, ended)) && span === lastWait.forced) {
      this.#departure.cut();
      await within(lastBreath, ended);
    }
    this.log.flush();
  }

  /**
   * Kills all children, for a process that is to end now.
   *
   * @returns false where a thread does not end: native code may hold it, and with it the process
   */
  endChildren(): Promise<boolean> {
    return withinTurns(lastBreath, this.#parts.pools?.kill() ?? Promise.resolve());
  }

  /** Takes down what there is, of a worker that stops or could not start. */
  async #end(force: boolean): Promise<void> {
    if (this.#parts.links && this.state === 'stopping')
      void this.app.hooks.emit('workerShuttingDown', { ...this.#summary, force });
    await this.#departure.leave(this.#life.settled, force);
    const { hooks } = this.app;
    if (this.#greeted === 'process') await hooks.emit('workerProcessShutdown', this.#process);
    if (this.#greeted !== 'nobody') await hooks.emit('workerShutdown', this.#summary);
    await this.#monitor.close();
    this.log.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
