/** Joins what a beat did with what somebody changed meanwhile. Pure. */
import type { EntryState } from '@dtask/core/internal';

const counts = ['ticks', 'runs', 'skipped', 'missed'] as const;

/**
 * @param before the state that the beat read
 * @param after what it made of that
 * @param current what is there by now
 */
export function merge(before: EntryState, after: EntryState, current: EntryState): EntryState {
  const sums = counts.map((key) => [key, current[key] + after[key] - before[key]] as const);
  const { lastTick, lastAt, lastId, lastQueue, tick, fireAt } = after;
  const { lastQueue: _queue, ...others } = current;
  const kept =
    lastId === before.lastId ? current : { ...others, lastTick, lastAt, lastId, lastQueue };
  const { tick: _tick, fireAt: _fireAt, ...rest } = kept;
  // Where somebody let it go on from elsewhere, that holds.
  const next = current.tick === before.tick ? { tick, fireAt } : current;
  const merged = { ...rest, ...Object.fromEntries(sums), tick: next.tick, fireAt: next.fireAt };
  return JSON.parse(JSON.stringify(merged)) as EntryState;
}
