/** What an App says of a periodic task. */
import type { AnyCanvas, Canvas } from '../canvas/canvas.js';
import type { InputOf } from '../canvas/fit.js';
import type { Duration } from '../duration.js';
import { type PeriodicOptions, periodicKeys } from '../schedule/periodic.js';
import type { AnyResult } from '../result/any-result.js';
import type { WhenOptions } from '../schedule/schedule-of.js';
import type { Schedule } from '../schedule/schedule.js';
import type { TimetableOptions } from '../schedule/timetable.js';
import { type CallOptions, callOptionKeys } from '../task/options.js';
import type { TaskFunction } from '../task/function-types.js';
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
export interface AnyBeatEntry
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

/** Anything that a beat can send. */
export type BeatTask = string | TaskFunction | AnyCanvas;

/** What a beat gives to a task, of which the compiler knows the arguments. */
type ArgumentsFor<T> = T extends string
  ? readonly unknown[]
  : T extends AnyCanvas
    ? InputOf<T>
    : T extends { readonly delay: (...args: infer A) => unknown }
      ? A
      : readonly unknown[];

/** The arguments of an entry: needed where the task cannot be called without. */
type WithArguments<A extends readonly unknown[]> = [] extends A
  ? { args?: Readonly<A> | (() => Readonly<A>) }
  : { args: Readonly<A> | (() => Readonly<A>) };

/** One way to say when, and no second one. */
export type OneSchedule =
  | { every: Duration; cron?: never; schedule?: never }
  | { cron: string; every?: never; schedule?: never }
  | { schedule: Schedule; every?: never; cron?: never };

/** What an entry says beside its task, its arguments and when. */
export type EntryOptions = Omit<AnyBeatEntry, 'task' | 'args' | 'every' | 'cron' | 'schedule'>;

/**
 * An entry whose arguments are checked against its task, and which says once when it is due.
 *
 * @typeParam T the task
 */
export type CheckedEntry<T> = EntryOptions & { task: T } & OneSchedule &
  WithArguments<ArgumentsFor<T>>;

/** The options of an entry that is added in the code; needed where its task needs arguments. */
export type PeriodicTaskOptions<T> =
  [] extends ArgumentsFor<T>
    ? [options?: NamedOptions & WithArguments<ArgumentsFor<T>>]
    : [options: NamedOptions & WithArguments<ArgumentsFor<T>>];

type NamedOptions = Omit<EntryOptions, keyof WhenOptions> & { name?: string };

/**
 * An entry among the options of an App, where the compiler cannot tie arguments to a task. A canvas that
 * lacks arguments needs `args`.
 */
export type BeatEntry = EntryOptions &
  OneSchedule &
  (
    | (Pick<AnyBeatEntry, 'args'> & { task: string | Task | Canvas<[], unknown, AnyResult> })
    | (Required<Pick<AnyBeatEntry, 'args'>> & { task: AnyCanvas })
  );

/** What of an entry is to be changed; `undefined` takes an option back. */
export type BeatChange = { readonly [K in keyof AnyBeatEntry]?: AnyBeatEntry[K] | undefined };

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
