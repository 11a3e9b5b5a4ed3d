/** Gives a worker its control desk. */
import { type App, StartupError } from '@dtask/core';
import { lifeChannel, type WorkerConfig } from '@dtask/core/internal';
import type { Scale } from '../autoscaler.js';
import type { Branches } from '../branches.js';
import type { Links } from '../links.js';
import type { WorkerLog } from '../log.js';
import type { TaskCounts } from '../monitor/task-counts.js';
import type { Parts } from '../parts.js';
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

/**
 * Makes a desk.
 *
 * @param parts those of this moment
 */
export function seat(
  worker: SeatedWorker,
  links: Links,
  parts: () => Pick<Parts, 'branches' | 'pools' | 'limits'>,
  autoscale: (scale: Scale) => void,
): ControlDesk {
  const { app, name, config, log, counts } = worker;
  const branches = (): Branches => have(open(parts().branches));
  const pools = (): Pools => have(parts().pools);
  const stop = (): void => {
    worker.stop().catch((error: unknown) => log.error({ err: error }, 'not stopped in order'));
  };
  return new ControlDesk({
    app,
    worker: name,
    config,
    connection: links.main.connection,
    links,
    channels: [lifeChannel(links.main.prefix, links.sign.holder)],
    log,
    counts,
    current: () => parts().branches?.current ?? [],
    queues: () => worker.queues,
    addConsumer: (queue) => branches().add(queue),
    cancelConsumer: (queue) => branches().cancel(queue),
    revoke: (id, by) => parts().branches?.revoke(id, by) ?? false,
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

const open = (branches: Branches | undefined): Branches | undefined =>
  branches?.open ? branches : undefined;

function have<T>(part: T | undefined): T {
  if (part) return part;
  throw new StartupError('the worker is starting or stopping; ask again');
}
