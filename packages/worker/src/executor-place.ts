/** What surrounds an executor. */
import type { App } from '@dtask/core';
import type { Redis } from 'ioredis';
import type { Limits } from './limits/limits.js';
import type { LimitOverride, RevocationRules } from '@dtask/core/internal';
import type { TaskEvents } from './events/task-events.js';
import type { WorkerLog } from './log.js';
import type { TaskCounts } from './monitor/task-counts.js';
import type { Pools } from './pools.js';
import type { Refusals } from './refusals.js';
import type { Slots } from './slots.js';
import type { TimeLimit } from './time-limit.js';

/** What an executor needs of its worker. */
export interface ExecutorPlace {
  readonly app: App;
  readonly worker: string;
  /** To the server that has its tasks. */
  readonly connection: Redis;
  /** First part of every key there. */
  readonly prefix: string;
  readonly log: WorkerLog;
  /** Limits of tasks that say nothing themselves. */
  readonly timeLimit: TimeLimit;
  readonly pools: Pools;
  readonly limits: Limits;
  readonly slots: Slots;
  /** Limits that were changed at run time, by the task's name. */
  readonly overrides: ReadonlyMap<string, LimitOverride>;
  /** Hears of what becomes of tasks. */
  readonly events: TaskEvents;
  /** The rules by which tasks are revoked that were not sent yet. */
  readonly rules: RevocationRules;
  readonly counts: TaskCounts;
  /** What Redis refuses there of the tasks' ends. */
  readonly refusals: Refusals;
  /** What Redis refuses elsewhere: it holds up nothing here but who needs it. */
  readonly aside: Refusals;
}
