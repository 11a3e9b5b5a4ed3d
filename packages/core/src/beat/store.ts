/** The entries of an App in Redis. */
import type { Redis } from 'ioredis';
import { OwnScript } from '../broker/own-script.js';
import { hashPortions } from '../broker/portions.js';
import { beatKeys, type BeatKeys } from '../protocol/keys.js';
import { type EntryState, firstState, parseState } from './entry-state.js';

/** An entry as it was read. */
export interface Stored {
  readonly name: string;
  /** Its JSON. */
  readonly entry: string;
  readonly state: EntryState;
  /** The state's text, which a change is measured against. */
  readonly text: string;
  /** What is stored of its state cannot be read: `state` is then a first one, with an error. */
  readonly isDamaged: boolean;
}

/** A change of an entry that holds if its state is still the one that was read. */
export interface Swap {
  readonly name: string;
  /** The text of the state that was read; '' where there was none, `anyState` for whatever is there. */
  readonly from: string;
  /** Its JSON, where that changes. */
  readonly entry?: string;
  /** Where it stands from now on; absent removes it. */
  readonly state?: EntryState;
}

/** Stands for the text of a damaged state, which need not come back byte by byte. */
const anyState = '*';

/**
 * Changes entries, each only if its state is what its changer has read. KEYS: the entries, their
 * states, when each is due, whose entries are there. ARGV, five for each: its name; its state as it
 * was read, '' for none, '*' for any; its JSON, '' where it stays; its state, '' removes it; when it
 * is due, '' for never. Gives 1 for each that was changed. Where one was removed, a beat looks again
 * whether its code has one of the name.
 */
const swapScript = `
local done = {}
for at = 1, #ARGV, 5 do
  local name, from, entry, state, due = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local now = redis.call('HGET', KEYS[2], name) or ''
  if now ~= from and from ~= '*' then
    done[#done + 1] = 0
  elseif state == '' then
    redis.call('HDEL', KEYS[1], name)
    redis.call('HDEL', KEYS[2], name)
    redis.call('ZREM', KEYS[3], name)
    redis.call('DEL', KEYS[4])
    done[#done + 1] = 1
  else
    if entry ~= '' then redis.call('HSET', KEYS[1], name, entry) end
    redis.call('HSET', KEYS[2], name, state)
    if due == '' then redis.call('ZREM', KEYS[3], name) else redis.call('ZADD', KEYS[3], due, name) end
    done[#done + 1] = 1
  end
end
return done`;

const swap = new OwnScript<number[]>(4, swapScript);

/** Most entries that one command changes or reads: it holds Redis up while it runs. */
const portion = 250;

/** Reads and changes entries. */
export class BeatStore {
  readonly keys: BeatKeys;

  /** @param app the App's name: each has entries of its own */
  constructor(prefix: string, app: string) {
    this.keys = beatKeys(prefix, app);
  }

  /** All entries. */
  async all(connection: Redis): Promise<Stored[]> {
    const all = new Map<string, Stored>();
    for await (const states of hashPortions(connection, this.keys.states, portion)) {
      if (states.length === 0) continue;
      const names = states.map(([name]) => name);
      const entries = await connection.hmget(this.keys.entries, ...names);
      for (const [at, [name, text]] of states.entries())
        for (const stored of storedOf(name, entries[at], text)) all.set(name, stored);
    }
    return [...all.values()];
  }

  /** Those of these names that there are. */
  async some(connection: Redis, names: readonly string[]): Promise<Stored[]> {
    if (names.length === 0) return [];
    const [entries, states] = await Promise.all([
      connection.hmget(this.keys.entries, ...names),
      connection.hmget(this.keys.states, ...names),
    ]);
    return names.flatMap((name, at) => storedOf(name, entries[at], states[at]));
  }

  /** Changes entries; gives for each whether it was still as it had been read. */
  async swap(connection: Redis, swaps: readonly Swap[]): Promise<boolean[]> {
    const { entries, states, due, applied } = this.keys;
    const done: boolean[] = [];
    for (let from = 0; from < swaps.length; from += portion) {
      const args = swaps.slice(from, from + portion).flatMap(swapArgs);
      // Ten thousand at once would hold Redis up.
      const reply = await swap.run(connection, entries, states, due, applied, ...args);
      done.push(...reply.map((one) => one === 1));
    }
    return done;
  }
}

function swapArgs({ name, from, entry = '', state }: Swap): string[] {
  const { fireAt, notBefore = 0 } = state?.paused ? {} : (state ?? {});
  const due = fireAt === undefined ? undefined : Math.max(fireAt, notBefore);
  return [
    name,
    from,
    entry,
    state ? JSON.stringify(state) : '',
    due === undefined ? '' : String(due),
  ];
}

function storedOf(
  name: string,
  entry: string | null | undefined,
  text: string | null | undefined,
): Stored[] {
  if (!text) return [];
  const state = parseState(text);
  if (state) return [{ name, entry: entry ?? '', state, text, isDamaged: false }];
  const error = `what is stored of its state is damaged: ${text.slice(0, 80)}`;
  const broken = { ...firstState(0), error };
  return [{ name, entry: entry ?? '', state: broken, text: anyState, isDamaged: true }];
}
