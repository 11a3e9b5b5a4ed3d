/** What surrounds an executor. */
import type { App } from '@dtask/core';
import type { Redis } from 'ioredis';
import type { WorkerLog } from './log.js';

/** What an executor needs of its worker. */
export interface ExecutorPlace {
  readonly app: App;
  readonly worker: string;
  readonly connection: Redis;
  readonly log: WorkerLog;
  readonly concurrency: number;
  /** Hears of room for one more job, or one less. */
  readonly onRoom: (change: 1 | -1) => void;
}
