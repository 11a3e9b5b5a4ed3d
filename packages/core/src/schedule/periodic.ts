/** What is said of a periodic task, wherever it is declared. */
import type { MisfireOptions } from './misfire.js';
import { type WhenOptions, whenKeys } from './schedule-of.js';
import type { TimetableOptions } from './timetable.js';

/** What becomes of a tick while the task of the tick before still waits or runs. */
export type Overlap = 'queue' | 'skip' | 'replace';

/** When a periodic task is sent, and what becomes of ticks that come at the wrong time. */
export interface PeriodicOptions
  extends WhenOptions, Pick<TimetableOptions, 'jitter'>, MisfireOptions {
  /**
   * What becomes of a tick while the task of the tick before still waits or runs: it is sent as
   * well, it is passed over, or the task before is revoked. @default 'queue'
   */
  overlap?: Overlap;
}

/** The keys of `PeriodicOptions`. */
export const periodicKeys = [
  ...whenKeys,
  'jitter',
  'misfire',
  'deadline',
  'overlap',
] as const satisfies readonly (keyof PeriodicOptions)[];
