/** The options of a worker, checked. */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type App, ConfigError, type Duration, type PoolKind } from '@dtask/core';
import {
  type AppSource,
  refuseUnknown,
  resolveSettings,
  timeLimits,
  type WorkerConfig,
  workerSettings,
} from '@dtask/core/internal';
import type { Scale } from './autoscaler.js';
import { workerName } from './worker-name.js';

/** The options of a worker. Each may also come from the environment; see the configuration reference. */
export interface WorkerOptions {
  /**
   * Queues to take tasks from.
   * @default the app's default queue, those that its tasks and their routes name, and its broadcasts
   */
  queues?: readonly string[];
  /**
   * Which of the app's shards to take tasks from: numbers, and ranges such as '2-3'.
   * @default all
   */
  onlyShards?: readonly string[];
  /** Queues not to take tasks from. @default none */
  excludeQueues?: readonly string[];
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
  /**
   * How long a running task stays claimed by a worker that says nothing, though its connection stands:
   * longer bears a worker that gets no CPU for longer, and finds out later that a machine is gone.
   * @default '20s'
   */
  lockDuration?: Duration;
  /** How often workers look for tasks whose worker has died. @default '2s' */
  stalledInterval?: Duration;
  /** Port on which it answers `/healthz`, `/readyz` and `/metrics`; 0 takes any. @default none */
  httpPort?: number;
  /** Address that the port is bound to. @default '127.0.0.1' */
  httpHost?: string;
  /** Whether it tells of its tasks and of itself by events. @default false */
  events?: boolean;
  /** How many failed tasks of a queue are kept; 0 keeps none. @default 10000 */
  keepFailed?: number;
  /** How long failed tasks are kept; 0 keeps them for ever. @default '7d' */
  keepFailedFor?: Duration;
}

/** How many tasks run at a time on one event loop, where nobody says. */
const inlineConcurrency = 10;

/** What the options of a worker come to. */
export interface CheckedOptions {
  readonly config: WorkerConfig;
  readonly name: string;
  readonly source: AppSource | undefined;
}

/** @throws ConfigError when an option is unknown or of the wrong kind */
export function checkOptions(app: App, options: WorkerOptions): CheckedOptions {
  const { module, ...settings } = options;
  refuseUnknown(settings, Object.keys(workerSettings), 'the worker');
  const resolved = resolveSettings(workerSettings, settings, process.env);
  timeLimits(resolved);
  const config = Object.freeze({ ...resolved, concurrency: firstSize(resolved) });
  return {
    config,
    name: workerName(config.name || `%a@%h.${process.pid}`, app.name),
    source: sourceOf(module),
  };
}

function sourceOf(module: WorkerOptions['module']): AppSource | undefined {
  if (module === undefined) return undefined;
  if (typeof module === 'object' && 'file' in module) return module;
  const text = String(module);
  return { file: text.startsWith('file:') ? fileURLToPath(text) : path.resolve(text) };
}

/**
 * Between how many tasks at a time a worker scales, if it does.
 *
 * @throws ConfigError when it is not two numbers
 */
export function scaleOf({ autoscale }: WorkerConfig): Scale | undefined {
  if (autoscale === '') return undefined;
  const [max = 0, min = 0] = autoscale.split(',').map(Number);
  if (min >= 1 && max >= min) return { max, min };
  throw new ConfigError(
    `autoscale must be the most and the least, at least 1, as in '10,2', got ${autoscale}`,
  );
}

function firstSize(config: WorkerConfig): number {
  const scale = scaleOf(config);
  if (scale) return scale.min;
  if (config.concurrency > 0) return config.concurrency;
  return config.pool === 'inline' ? inlineConcurrency : availableParallelism();
}
