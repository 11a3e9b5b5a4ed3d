/** With what a worker sets out: the module of its app, its size, its queues. */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type App, ConfigError } from '@dtask/core';
import { type AppSource, inside, type WorkerConfig } from '@dtask/core/internal';
import type { Scale } from './autoscaler.js';

/** How many tasks run at a time on one event loop, where nobody says. */
const inlineConcurrency = 10;

/** Where the app's module is, if anybody said so. */
export function sourceOf(module: string | URL | AppSource | undefined): AppSource | undefined {
  if (module === undefined) return undefined;
  if (typeof module === 'object' && 'file' in module) return module;
  const text = String(module);
  return { file: text.startsWith('file:') ? fileURLToPath(text) : path.resolve(text) };
}

/**
 * Between which sizes a worker scales, if it does.
 *
 * @throws ConfigError when it cannot
 */
export function scaleOf({ autoscale }: WorkerConfig): Scale | undefined {
  if (autoscale === '') return undefined;
  const [max = 0, min = 0] = autoscale.split(',').map(Number);
  if (min < 1 || max < min) {
    throw new ConfigError(
      `autoscale must be the most and the least, at least 1, as in '10,2', got ${autoscale}`,
    );
  }
  return { max, min };
}

/** How many tasks run at a time at first. */
export function firstSize(config: WorkerConfig): number {
  const scale = scaleOf(config);
  if (scale) return scale.min;
  if (config.concurrency > 0) return config.concurrency;
  return config.pool === 'inline' ? inlineConcurrency : availableParallelism();
}

/** The default queue, and the queues that tasks name. */
export function ownQueues(app: App): string[] {
  const named = app.tasks.names().map((name) => inside(app.tasks.get(name)).definition.calls.queue);
  return [...new Set([app.config.defaultQueue, ...named.filter((queue) => queue !== undefined)])];
}
