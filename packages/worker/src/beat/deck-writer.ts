/** Brings the entries in Redis to what the code says. */
import {
  type BeatStore,
  type Deck,
  type DeckEntry,
  type EntryState,
  firstState,
  parseEntry,
  type Plans,
  sameTimes,
  type Stored,
  type Swap,
} from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { WorkerLog } from '../log.js';

/** What it needs of its beat. */
export interface DeckPlace {
  readonly connection: Redis;
  readonly store: BeatStore;
  readonly plans: Plans;
  readonly log: WorkerLog;
}

/**
 * Writes the entries of a code, and removes those that other versions of it had. What was added at
 * run time stays, and so does what is paused, or was changed while the code's own text stays.
 *
 * @param now the server's time
 */
export async function writeDeck(
  { connection, store, plans, log }: DeckPlace,
  deck: Deck,
  now: number,
): Promise<void> {
  const stored = await store.all(connection);
  const { swaps, hidden, ...counts } = deckChange(deck, stored, plans, now);
  for (const entry of hidden)
    log.warn({ entry }, 'an entry of the code is left out: one of its name was added at run time');
  const done = await store.swap(connection, swaps);
  // Whoever changed one meanwhile came first: the next turn looks again.
  if (done.includes(false)) return;
  await connection.set(store.keys.applied, deck.hash);
  log.info({ ...counts, entries: deck.entries.size }, 'the entries of the code');
}

/** What has to change in Redis. */
export interface DeckChange {
  readonly swaps: readonly Swap[];
  /** Entries of the code that are left out: one of the name was added at run time. */
  readonly hidden: readonly string[];
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}

/** Compares the entries of a code with those that are stored. Pure. */
export function deckChange(
  deck: Deck,
  storedEntries: readonly Stored[],
  plans: Plans,
  now: number,
): DeckChange {
  const all = new Map(storedEntries.map((stored) => [stored.name, stored]));
  const swaps: Swap[] = [];
  const hidden: string[] = [];
  let [added, changed, removed] = [0, 0, 0];
  for (const [name, entry] of deck.entries) {
    const stored = all.get(name);
    if (!stored) added += 1;
    else if (stored.isDamaged) changed += 1;
    else if (stored.state.code === undefined) {
      hidden.push(name);
      continue;
    } else if (isAsWritten(stored, entry)) continue;
    else changed += 1;
    swaps.push(swapOf(name, entry, stored, plans, now));
  }
  for (const { name, state, text } of all.values()) {
    if (state.code === undefined || deck.entries.has(name)) continue;
    removed += 1;
    swaps.push({ name, from: text });
  }
  return { swaps, hidden, added, changed, removed };
}

function swapOf(
  name: string,
  { json, hash }: DeckEntry,
  stored: Stored | undefined,
  plans: Plans,
  now: number,
): Swap {
  const entry = JSON.stringify(json);
  const found = stored?.isDamaged ? undefined : stored?.state;
  const { changed: _changed, error: _error, notBefore: _held, ...known } = found ?? firstState(now);
  const state: EntryState = { ...known, rev: known.rev + 1, code: hash };
  const swap = { name, from: stored?.text ?? '', entry };
  // The same text under another hash: the App's time zone has changed.
  if (found && stored && stored.entry !== entry && isSame(stored, json)) return { ...swap, state };
  const { tick: _tick, fireAt: _fireAt, ...rest } = state;
  return { ...swap, state: { ...rest, ...onward(plans, { name, entry, state }, now) } };
}

/** Whether it is what this code has written, or what it was changed to since. */
function isAsWritten({ name, entry, state }: Stored, { json, hash }: DeckEntry): boolean {
  if (state.code !== hash) return false;
  return state.changed ? isReadable(name, entry) : entry === JSON.stringify(json);
}

function isReadable(name: string, entry: string): boolean {
  try {
    parseEntry(name, entry);
    return true;
  } catch {
    return false;
  }
}

/** When it fires next, or what is wrong with it: one that is broken holds no other up. */
function onward(
  plans: Plans,
  stored: Pick<Stored, 'name' | 'entry' | 'state'>,
  now: number,
): Pick<EntryState, 'tick' | 'fireAt' | 'error'> {
  try {
    const next = plans.of(stored).next(now, stored.state.ticks);
    return next ? { tick: next.tick.getTime(), fireAt: next.fireAt.getTime() } : {};
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether what is stored fires at the same times: then a tick that is due stays due. */
function isSame({ name, entry }: Stored, json: DeckEntry['json']): boolean {
  try {
    return sameTimes(parseEntry(name, entry), json);
  } catch {
    return false;
  }
}
