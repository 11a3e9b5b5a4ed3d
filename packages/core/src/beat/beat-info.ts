/** What `app.beat` tells of an entry. */
import type { CanvasJson } from '../canvas/json.js';
import type { Overlap } from '../schedule/periodic.js';
import { type EntryJson, parseEntry } from './entry-json.js';
import type { Plan } from './plan.js';
import type { Plans } from './plans.js';
import type { Stored } from './store.js';

export interface BeatInfo {
  readonly name: string;
  /** What it sends: a task's name, or a canvas in short. */
  readonly task: string;
  /** When, in words. */
  readonly schedule: string;
  readonly overlap: Overlap;
  /** Where it was declared: in the code, or at run time. */
  readonly source: 'code' | 'runtime';
  /** It is of the code, and was changed at run time. */
  readonly changed: boolean;
  readonly paused: boolean;
  /** When it fires next; absent where it is paused or done. */
  readonly next: Date | undefined;
  /** The tick that was sent last, when that was, and the id of what was sent. */
  readonly lastTick: Date | undefined;
  readonly lastRun: Date | undefined;
  readonly lastId: string | undefined;
  /** How many messages were sent. */
  readonly runs: number;
  /** How many ticks were passed over because the task before had not ended. */
  readonly skipped: number;
  /** How many ticks came while no beat was there, and were not made up for; of very many at once at least so many. */
  readonly missed: number;
  /** Why its last tick was not sent, or what is wrong with the entry. */
  readonly error: string | undefined;
  /** The entry as it is stored. */
  readonly entry: EntryJson | undefined;
}

/** What is stored, as it is told; also where no plan can be made of it. */
export function infoOf(stored: Stored, plans: Plans): BeatInfo {
  let entry: EntryJson | undefined;
  try {
    entry = parseEntry(stored.name, stored.entry);
    return tell(stored, plans.of(stored), entry);
  } catch (error) {
    return tell(stored, error as Error, entry);
  }
}

/** @param plan or what is wrong with the entry */
function tell({ name, state }: Stored, plan: Plan | Error, entry: EntryJson | undefined): BeatInfo {
  const broken = plan instanceof Error;
  const { paused = false, changed = false, fireAt, error } = state;
  return {
    name,
    task: entry ? inShort(entry.canvas) : '?',
    schedule: broken ? whenOf(entry) : plan.schedule,
    overlap: entry?.overlap ?? 'queue',
    source: state.code === undefined ? 'runtime' : 'code',
    changed,
    paused,
    next: paused ? undefined : dateOf(fireAt),
    lastTick: dateOf(state.lastTick),
    lastRun: dateOf(state.lastAt),
    lastId: state.lastId,
    runs: state.runs,
    skipped: state.skipped,
    missed: state.missed,
    error: error ?? (broken ? plan.message : undefined),
    entry,
  };
}

/** A canvas in a few words. */
export function inShort(canvas: CanvasJson): string {
  if ('task' in canvas) return canvas.task;
  const [kind, parts] =
    'chain' in canvas ? (['chain', canvas.chain] as const) : (['group', canvas.group] as const);
  const shown = parts.slice(0, 3).map(inShort);
  if (parts.length > shown.length) shown.push(`… ${parts.length - shown.length} more`);
  return `${kind}(${shown.join(', ')})`;
}

const whenOf = (entry: EntryJson | undefined): string =>
  entry && !('v' in entry.when) ? entry.when.name : '?';

const dateOf = (time: number | undefined): Date | undefined =>
  time === undefined ? undefined : new Date(time);
