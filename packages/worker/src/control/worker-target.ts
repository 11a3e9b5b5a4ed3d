/** A worker, as control commands see it. */
import { hostname, loadavg } from 'node:os';
import {
  type ActiveTask,
  type App,
  ConfigError,
  type ControlCommand,
  type FoundTask,
  type HeldTask,
  type MemoryFacts,
  type RevokedFacts,
  type ScheduledTask,
  type WorkerStats,
} from '@dtask/core';
import {
  type LimitOverride,
  ownQueue,
  readLimits,
  readRules,
  redactAddress,
  type RevocationMark,
  type RevocationRules,
  type WorkerConfig,
  workerSettings,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { Scale } from '../autoscaler.js';
import type { Current } from '../current.js';
import type { TaskCounts } from '../monitor/task-counts.js';
import type { Heart } from '../events/heart.js';
import type { Links } from '../links.js';
import type { Pool } from '../pool/pool.js';
import { type Revoked, revokedBy } from '../revoked.js';
import { type ControlTarget, NotSupported } from './control-target.js';
import { activeTasks, reservedTasks } from './held-tasks.js';
import { memoryFacts, reportFacts, settingsOf } from './process-facts.js';
import { scheduledTasks } from './scheduled-tasks.js';

/** What the target needs of its worker. */
export interface TargetPlace {
  readonly app: App;
  readonly worker: string;
  readonly config: WorkerConfig;
  readonly connection: Redis;
  /** The servers that it takes tasks from. */
  readonly links: Links;
  readonly counts: TaskCounts;
  readonly rules: RevocationRules;
  /** The limits that were changed at run time, by the task's name. */
  readonly limits: Map<string, LimitOverride>;
  /** Forgets when a task may start next, where that is this worker's to say. */
  readonly forgetTurns: (task: string) => void;
  readonly heart: Heart;
  /** Switches events. */
  readonly tell: (on: boolean) => void;
  /** What is executed now. */
  readonly current: () => Iterable<Current>;
  readonly queues: () => readonly string[];
  /** Takes tasks from a queue, or no more; gives whether that is news. */
  readonly addConsumer: (queue: string) => Promise<boolean>;
  readonly cancelConsumer: (queue: string) => boolean;
  /** Revokes a task; gives whether it runs here. */
  readonly revoke: (id: string, by: Revoked) => boolean;
  /** How many tasks may run at a time. */
  readonly size: () => number;
  readonly resize: (size: number) => void;
  readonly autoscale: (scale: Scale) => void;
  readonly pool: () => Pool;
  /** Replaces every child. */
  readonly restart: () => void;
  readonly stop: () => void;
}

/** Most ids that are remembered of revoked tasks. */
const mostRevoked = 1_000;

/** Carries out what control commands ask for. */
export class WorkerTarget implements ControlTarget {
  readonly name: string;
  readonly #place: TargetPlace;
  readonly #since = performance.now();
  readonly #revoked = new Set<string>();

  constructor(place: TargetPlace) {
    this.name = place.worker;
    this.#place = place;
  }

  active(): readonly ActiveTask[] {
    return activeTasks(this.#place.current());
  }

  reserved(): readonly HeldTask[] {
    return reservedTasks(this.#place.current());
  }

  scheduled(): Promise<readonly ScheduledTask[]> {
    const { app, worker, links, queues } = this.#place;
    return scheduledTasks(
      queues().flatMap((queue) =>
        app.broadcast.includes(queue)
          ? [{ link: links.main, queue: ownQueue(queue, worker) }]
          : links.served.map((link) => ({ link, queue })),
      ),
    );
  }

  revoked(): RevokedFacts {
    return { ids: [...this.#revoked], rules: this.#place.rules.names() };
  }

  registered(): readonly string[] {
    return this.#place.app.tasks.names();
  }

  stats(): WorkerStats {
    const { app, counts } = this.#place;
    const { userCPUTime, systemCPUTime, maxRSS, fsRead, fsWrite } = process.resourceUsage();
    return {
      pid: process.pid,
      host: hostname(),
      at: Date.now(),
      uptime: Math.round((performance.now() - this.#since) / 1_000),
      active: this.active().length,
      total: counts.totals(),
      queues: Object.fromEntries(counts.queues),
      ended: counts.ended(),
      pool: { ...this.#place.pool().stats(), maxConcurrency: this.#place.size() },
      broker: redactAddress(app.config.broker),
      loadavg: loadavg(),
      rusage: { userCPUTime, systemCPUTime, maxRSS, fsRead, fsWrite },
    };
  }

  activeQueues(): readonly string[] {
    return this.#place.queues();
  }

  conf(): Readonly<Record<string, unknown>> {
    const { app, config } = this.#place;
    const limits = Object.fromEntries(this.#place.limits);
    return { app: settingsOf(app), worker: { ...config }, limits };
  }

  queryTask(ids: readonly string[]): Readonly<Record<string, FoundTask>> {
    const wanted = new Set(ids);
    const found: [string, FoundTask][] = [];
    for (const task of this.active())
      if (wanted.has(task.id)) found.push([task.id, ['active', task]]);
    for (const task of this.reserved())
      if (wanted.has(task.id)) found.push([task.id, ['reserved', task]]);
    return Object.fromEntries(found);
  }

  report(): Readonly<Record<string, string>> {
    return reportFacts(this.#place.app);
  }

  memory(): MemoryFacts {
    return memoryFacts();
  }

  custom(name: string): ControlCommand | undefined {
    return this.#place.app.plane.commands.find(name);
  }

  customNames(): readonly string[] {
    return this.#place.app.plane.commands.names();
  }

  revokeRunning(ids: readonly string[], mark: RevocationMark): readonly string[] {
    const by = revokedBy(mark);
    const told = ids.filter((id) => this.#place.revoke(id, by));
    this.#remember(told);
    return told;
  }

  #remember(ids: readonly string[]): void {
    for (const id of ids) this.#revoked.add(id);
    for (const oldest of this.#revoked) {
      if (this.#revoked.size <= mostRevoked) break;
      this.#revoked.delete(oldest);
    }
  }

  async readRules({ endsRunning }: { endsRunning: boolean }): Promise<readonly string[]> {
    const { connection, app, rules } = this.#place;
    rules.set(await readRules(connection, app.queues.shards.main.prefix));
    if (!endsRunning) return [];
    const falling = { terminate: [] as string[], signal: [] as string[] };
    for (const { message } of this.#place.current()) {
      const rule = message && rules.match(message);
      if (rule) (rule.terminate ? falling.terminate : falling.signal).push(message.id);
    }
    const signalled = this.revokeRunning(falling.signal, {});
    return [...signalled, ...this.revokeRunning(falling.terminate, { terminate: true })];
  }

  /** Reads the limits that were changed at run time. */
  async readLimits(): Promise<void> {
    const { connection, app, limits } = this.#place;
    const read = await readLimits(connection, app.queues.shards.main.prefix);
    limits.clear();
    for (const [task, override] of read) limits.set(task, override);
  }

  async rateLimitChanged(task: string): Promise<string> {
    await this.#limitsOf(task);
    this.#place.forgetTurns(task);
    return 'new rate limit set successfully';
  }

  async timeLimitChanged(task: string): Promise<string> {
    await this.#limitsOf(task);
    return 'time limits set successfully';
  }

  async #limitsOf(task: string): Promise<void> {
    // Throws where the App has no such task.
    this.#place.app.tasks.get(task);
    await this.readLimits();
  }

  async addConsumer(queue: string): Promise<string> {
    workerSettings.queues.parse([queue], 'queue');
    const isNew = await this.#place.addConsumer(queue);
    return isNew ? `add consumer ${queue}` : `already consuming from ${queue}`;
  }

  cancelConsumer(queue: string): Promise<string> {
    const had = this.#place.cancelConsumer(queue);
    return Promise.resolve(
      had ? `no longer consuming from ${queue}` : `not consuming from ${queue}`,
    );
  }

  poolGrow(count: number): string {
    this.#place.resize(this.#place.size() + count);
    return 'pool will grow';
  }

  poolShrink(count: number): string {
    const size = this.#place.size() - count;
    if (size < 1)
      throw new ConfigError(`the pool has ${this.#place.size()}, and keeps one at least`);
    this.#place.resize(size);
    return 'pool will shrink';
  }

  poolRestart(): string {
    const { kind } = this.#place.pool();
    if (kind === 'inline') throw new NotSupported('restarting', kind);
    this.#place.restart();
    return 'reload started';
  }

  autoscale(max: number, min: number): string {
    this.#place.autoscale({ max, min: Math.max(1, min) });
    return `autoscale now max=${max} min=${Math.max(1, min)}`;
  }

  enableEvents(): string {
    this.#place.tell(true);
    return 'task events enabled';
  }

  disableEvents(): string {
    this.#place.tell(false);
    return 'task events disabled';
  }

  heartbeat(): string {
    this.#place.heart.beat();
    return 'heartbeat sent';
  }

  shutdown(): string {
    this.#place.stop();
    return 'stopping when the running tasks have ended';
  }
}
