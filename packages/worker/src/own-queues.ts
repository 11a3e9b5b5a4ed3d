/** The queues that a worker takes tasks from. */
import { type App, ConfigError } from '@dtask/core';
import { inside } from '@dtask/core/internal';

/**
 * Those that it was given; else the default queue, those that the App's tasks and their routes name,
 * and the App's broadcast queues. Without those that are excluded.
 *
 * @throws ConfigError when none is left
 */
export function queuesOf(
  app: App,
  chosen: readonly string[],
  excluded: readonly string[],
): readonly string[] {
  const all = [...new Set(chosen.length > 0 ? chosen : ownQueues(app))];
  const queues = all.filter((queue) => !excluded.includes(queue));
  if (queues.length > 0) return queues;
  throw new ConfigError(
    `the worker is left without a queue: it would take from ${all.join(', ')}, and excludeQueues leaves out ${excluded.join(', ')}`,
  );
}

function ownQueues(app: App): string[] {
  const { config, tasks, broadcast } = app;
  const named = tasks.names().map((name) => queueOf(app, name));
  return [config.defaultQueue, ...named, ...broadcast];
}

/** The queue that calls of a task go to, where they say nothing else. */
export function queueOf({ config, routes, tasks }: App, name: string): string {
  const { calls } = inside(tasks.get(name)).definition;
  return (routes ? routes.queueOf(name, calls) : calls.queue) ?? config.defaultQueue;
}
