/** Where an entry stands, as Redis has it. Times are in milliseconds since 1970. */

export interface EntryState {
  /** Counts what people and deploys change, so that no two states of an entry look alike. */
  readonly rev: number;
  /** Of an entry of the code: which text it had there. Absent for one that was added at run time. */
  readonly code?: string;
  /** It was changed at run time, and is no more what the code says. */
  readonly changed?: true;
  /** When it was first seen: what a fixed rate counts from. */
  readonly born: number;
  readonly paused?: true;
  /** The tick that comes next, and when it is to be acted upon; absent when none does. */
  readonly tick?: number;
  readonly fireAt?: number;
  /** It is not acted upon before this: something went wrong, and is tried again then. */
  readonly notBefore?: number;
  /** How many ticks were acted upon. */
  readonly ticks: number;
  /** How many messages were sent. */
  readonly runs: number;
  /** How many ticks were passed over because the task before had not ended. */
  readonly skipped: number;
  /** How many ticks came while nobody was there, and were not made up for. */
  readonly missed: number;
  /** The last tick that was sent, when that was, the task's id and its queue. */
  readonly lastTick?: number;
  readonly lastAt?: number;
  readonly lastId?: string;
  readonly lastQueue?: string;
  /** Why its last tick was not sent. */
  readonly error?: string;
}

/** The state of an entry that nobody has seen before. */
export const firstState = (now: number): EntryState => ({
  rev: 0,
  born: now,
  ticks: 0,
  runs: 0,
  skipped: 0,
  missed: 0,
});

const counts = ['rev', 'born', 'ticks', 'runs', 'skipped', 'missed'] as const;
const times = ['tick', 'fireAt', 'notBefore', 'lastTick', 'lastAt'] as const;

/** Reads a state; nothing where it is none. */
export function parseState(text: string): EntryState | undefined {
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof state !== 'object' || state === null) return undefined;
  const fields = state as Readonly<Record<string, unknown>>;
  const isWhole =
    counts.every((key) => isTime(fields[key])) &&
    times.every((key) => fields[key] === undefined || isTime(fields[key]));
  return isWhole ? (state as EntryState) : undefined;
}

/** Whether it can be made a Date; what counts is smaller still. */
const isTime = (value: unknown): boolean =>
  typeof value === 'number' && Math.abs(value) <= 8_640_000_000_000_000;
