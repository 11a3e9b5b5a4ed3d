/** What surrounds an executor. */
import type { App } from '@dtask/core';
import type { Redis } from 'ioredis';
import type { RevocationRules } from '@dtask/core/internal';
import type { TaskEvents } from './events/task-events.js';
import type { WorkerLog } from './log.js';

/** What an executor needs of its worker. */
export interface ExecutorPlace {
  readonly app: App;
  readonly worker: string;
  readonly connection: Redis;
  readonly log: WorkerLog;
  readonly concurrency: number;
  /** Hears of what becomes of tasks. */
  readonly events: TaskEvents;
  /** The rules by which tasks are revoked that were not sent yet. */
  readonly rules: RevocationRules;
  /** Hears of room for one more job, or one less. */
  readonly onRoom: (change: 1 | -1) => void;
}
