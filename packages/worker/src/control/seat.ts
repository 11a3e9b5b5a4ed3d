/** Gives a worker its control desk. */
import { type App, StartupError } from '@dtask/core';
import type { WorkerConfig } from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { Scale } from '../autoscaler.js';
import type { Consumers } from '../consumers.js';
import type { Executor } from '../executor.js';
import type { Limits } from '../limits/limits.js';
import type { WorkerLog } from '../log.js';
import type { TaskCounts } from '../monitor/task-counts.js';
import type { Pools } from '../pools.js';
import { ControlDesk } from './control-desk.js';

/** The worker, as far as a desk needs it. */
export interface SeatedWorker {
  readonly app: App;
  readonly name: string;
  readonly config: WorkerConfig;
  readonly log: WorkerLog;
  readonly counts: TaskCounts;
  readonly queues: readonly string[];
  readonly size: number;
  resize(size: number): void;
  stop(): Promise<void>;
}

/** Parts of the worker, which come and go while it starts and stops. */
export interface SeatParts {
  readonly executor: Executor | undefined;
  readonly pools: Pools | undefined;
  readonly limits: Limits | undefined;
  /** Only while it takes tasks. */
  readonly consumers: Consumers | undefined;
}

/**
 * Makes a desk.
 *
 * @param parts those of this moment
 */
export function seat(
  worker: SeatedWorker,
  connection: Redis,
  parts: () => SeatParts,
  autoscale: (scale: Scale) => void,
): ControlDesk {
  const { app, name, config, log, counts } = worker;
  const consumers = (): Consumers => have(parts().consumers);
  const pools = (): Pools => have(parts().pools);
  const stop = (): void => {
    worker.stop().catch((error: unknown) => log.error({ err: error }, 'not stopped in order'));
  };
  return new ControlDesk({
    app,
    worker: name,
    config,
    connection,
    log,
    counts,
    current: () => parts().executor?.current ?? [],
    queues: () => worker.queues,
    addConsumer: (queue) => consumers().add(queue),
    cancelConsumer: (queue) => consumers().cancel(queue),
    revoke: (id, by) => parts().executor?.revoke(id, by) ?? false,
    forgetTurns: (task) => parts().limits?.forgetTurns(task),
    size: () => worker.size,
    resize: (size) => worker.resize(size),
    autoscale,
    pool: () => pools().main,
    restart: () => pools().restart(),
    // Behind the answer.
    stop: () => void setImmediate(stop),
  });
}

function have<T>(part: T | undefined): T {
  if (part) return part;
  throw new StartupError('the worker is starting or stopping; ask again');
}
