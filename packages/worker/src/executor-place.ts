/** What surrounds an executor. */
import type { App } from '@dtask/core';
import type { Redis } from 'ioredis';
import type { Limits } from './limits/limits.js';
import type { WorkerLog } from './log.js';
import type { TaskCounts } from './monitor/task-counts.js';
import type { Pools } from './pools.js';
import type { TimeLimit } from './time-limit.js';

/** What an executor needs of its worker. */
export interface ExecutorPlace {
  readonly app: App;
  readonly worker: string;
  readonly connection: Redis;
  readonly log: WorkerLog;
  /** Limits of tasks that say nothing themselves. */
  readonly timeLimit: TimeLimit;
  readonly pools: Pools;
  readonly limits: Limits;
  readonly counts: TaskCounts;
}
