/** What an App says of a periodic task. */
import type { AnyCanvas } from '../canvas/canvas.js';
import { type PeriodicOptions, periodicKeys } from '../schedule/periodic.js';
import type { TimetableOptions } from '../schedule/timetable.js';
import { type CallOptions, callOptionKeys } from '../task/options.js';
import type { Task } from '../task/task.js';

/**
 * A periodic task: what is sent, and when. Beside these it takes the options of a call.
 *
 * @example
 * ```ts
 * const app = new App('shop', {
 *   beat: { nightly: { task: 'report.send', args: ['all'], cron: '0 3 * * *', timezone: 'Europe/Paris' } },
 * });
 * ```
 */
export interface BeatEntry
  extends
    PeriodicOptions,
    Pick<TimetableOptions, 'start' | 'end' | 'limit'>,
    Omit<CallOptions, 'id' | 'eta'> {
  /** A task, its name, or a canvas. */
  task: string | Task | AnyCanvas;
  /**
   * Its arguments, or, in the code, a function that gives them at each tick. Of a canvas they come
   * before those that it has.
   */
  args?: readonly unknown[] | (() => readonly unknown[]);
}

/** What of an entry is to be changed; `undefined` takes an option back. */
export type BeatChange = { readonly [K in keyof BeatEntry]?: BeatEntry[K] | undefined };

/** Those that go to the call. */
export const entryCallKeys = callOptionKeys.filter((key) => key !== 'id' && key !== 'eta');

/** All of them. */
export const entryKeys: readonly string[] = [
  'task',
  'args',
  ...periodicKeys,
  'start',
  'end',
  'limit',
  ...entryCallKeys,
];
