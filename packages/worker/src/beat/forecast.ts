/** What a beat would send: a dry run of an App's entries. Pure. */
import type { App, BeatInfo } from '@dtask/core';
import { type Firing, infoOf, type Plan, Plans, type Stored } from '@dtask/core/internal';
import { deckChange } from './deck-writer.js';

/** An entry, and when it fires next. */
export interface Forecast {
  /** The entry as it would be. */
  readonly info: BeatInfo;
  /** When it fires; none where it is paused, done or wrong. */
  readonly fires: readonly Date[];
}

/** When from, and how far to look. */
export interface ForecastOptions {
  /** In milliseconds since 1970. */
  readonly now: number;
  /** Most fires of each entry. */
  readonly count: number;
}

/**
 * Says what a beat with this App's code would send, once it has brought the entries in Redis to what
 * the code says. It changes nothing.
 *
 * @param stored the entries in Redis; empty shows the code's as if they were new
 * @throws ConfigError when an entry of the code is wrong
 */
export function forecast(
  app: App,
  stored: readonly Stored[],
  { now, count }: ForecastOptions,
): Forecast[] {
  const { deck } = app;
  const plans = new Plans(() => deck, app.config.timezone);
  const entries = new Map(stored.map((one) => [one.name, one]));
  for (const { name, entry, state } of deckChange(deck, stored, plans, now).swaps) {
    const made = state && { name, entry: entry ?? '', state, text: '', isDamaged: false };
    if (made) entries.set(name, made);
    else entries.delete(name);
  }
  return Array.from(entries.values(), (one) => forecastOf(one, plans, now, count)).toSorted(
    (one, other) => (one.info.name < other.info.name ? -1 : 1),
  );
}

function forecastOf(stored: Stored, plans: Plans, now: number, count: number): Forecast {
  const info = infoOf(stored, plans);
  if (info.paused) return { info, fires: [] };
  try {
    return { info, fires: firesOf(plans.of(stored), stored, now, count) };
  } catch (error) {
    // No plan, which the entry tells itself, or a schedule of the user's that throws.
    return { info: { ...info, error: info.error ?? (error as Error).message }, fires: [] };
  }
}

function firesOf(plan: Plan, { state }: Stored, now: number, count: number): Date[] {
  const { tick, fireAt, ticks } = state;
  if (tick === undefined || fireAt === undefined) return [];
  let next: Firing | undefined = { tick: new Date(tick), fireAt: new Date(fireAt) };
  const fires: Firing[] = [];
  if (fireAt <= now) {
    // As for a beat that comes now.
    const dues = plan.dues(next, now, ticks, now);
    fires.push(...dues.send);
    ({ next } = dues);
  }
  while (next && fires.length < count) {
    fires.push(next);
    next = plan.next(next.tick.getTime(), ticks + fires.length);
  }
  return fires.slice(0, count).map((firing) => firing.fireAt);
}
