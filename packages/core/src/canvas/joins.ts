/** Where the values of a group meet: one hash for each, filled by position. */
import type { PlaceOf } from '../broker/ask.js';
import { OwnScript } from '../broker/own-script.js';
import { ChordError } from '../errors.js';
import { addedKey, failuresKey, joinKey, listKey } from '../protocol/keys.js';
import type { Message } from '../protocol/message.js';
import type { Frame, Step } from '../protocol/step.js';
import type { TraceContext } from '../protocol/trace-context.js';

/** What every message of a flow has in common. */
export interface Origin {
  /** The flow's first task. */
  readonly root: string | undefined;
  /** The task that comes before. */
  readonly parent: string | undefined;
  /** The group that nothing follows. */
  readonly group?: string | undefined;
  /** The caller process that hears of the results. */
  readonly reply: string | undefined;
  /** The span that its messages come from. */
  readonly trace?: TraceContext;
  /** Whether it may be sent again: by a worker, that is, and by the next one when that dies. */
  readonly again?: boolean;
}

/** What the messages that a task leads to have of it. */
export const originOf = ({ id, root = id, group, reply, trace }: Message): Origin => ({
  root,
  parent: id,
  group,
  reply,
  ...(trace && { trace }),
  again: true,
});

/** What follows a group, and for whom. */
export interface Continuation {
  readonly next: readonly Frame[];
  readonly origin: Origin;
}

/** What filling a place led to. */
export type Filled =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'done' | 'failed'; readonly continuation: Continuation };

/**
 * Fills a place, once: what comes second is passed over. KEYS: the join, its failures. ARGV: the position; the
 * value as JSON text; '1' for a failure; how long to wait for the rest, in milliseconds. The positions of
 * failures are a set as well, for one of them to be found again. Gives what follows to whoever completes the group, or fails first, as often as they ask: a worker that died
 * on its way asks again.
 */
const fillScript = `
local key, at = KEYS[1], ARGV[1]
if redis.call('EXISTS', key) == 0 then return {'gone'} end
redis.call('HSETNX', key, at, ARGV[2])
redis.call('PEXPIRE', key, ARGV[4])
local meta = redis.call('HMGET', key, 'size', 'next', 'failed', at)
local fails = ARGV[3] == '1'
-- A worker that stood still since tells of an end that does not count any more.
if fails ~= (meta[4] == '') then return {'waiting'} end
if fails then
  redis.call('SADD', KEYS[2], at)
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
if fails and not meta[3] then
  redis.call('HSET', key, 'failed', at)
  meta[3] = at
end
if meta[3] then
  -- Nobody needs the values of a group that has failed, unless the one that failed is retried.
  if tonumber(meta[1]) == redis.call('HLEN', key) - 3 then
    for _, one in ipairs(KEYS) do redis.call('PEXPIRE', one, 86400000) end
  end
  if meta[3] == at then return {'failed', meta[2]} end
  return {'waiting'}
end
if tonumber(meta[1]) == redis.call('HLEN', key) - 2 then return {'done', meta[2]} end
return {'waiting'}`;

/**
 * Says how many places there are, where that was not known before. KEYS: the join. ARGV: how many.
 */
const sealScript = `
local key = KEYS[1]
redis.call('HSET', key, 'size', ARGV[1])
local meta = redis.call('HMGET', key, 'next', 'failed')
if meta[2] then return {'waiting'} end
if tonumber(ARGV[1]) == redis.call('HLEN', key) - 2 then return {'done', meta[1]} end
return {'waiting'}`;

/**
 * Adds a place, once for each name. KEYS: the join, the names that have one. ARGV: the name; how
 * long to wait, in milliseconds.
 */
const growScript = `
local at = redis.call('HGET', KEYS[2], ARGV[1])
if not at then
  local size = redis.call('HGET', KEYS[1], 'size')
  if not size or size == '' then return -1 end
  at = redis.call('HINCRBY', KEYS[1], 'size', 1) - 1
  redis.call('HSET', KEYS[2], ARGV[1], at)
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return tonumber(at)`;

/**
 * Frees a place that a failure has filled, for its task is to run again. KEYS: the join, its failures. ARGV: the
 * position; how long to wait, in milliseconds. Gives whether there was one to free and, unless
 * another failure stands, what follows: also to whoever asks again, for the first may have died.
 */
const reopenScript = `
local key, at = KEYS[1], ARGV[1]
local found = redis.call('HMGET', key, at, 'next', 'failed')
if not found[2] or (found[1] and found[1] ~= '') then return {0} end
local freed = redis.call('HDEL', key, at)
local isKnown = redis.call('SREM', KEYS[2], at) == 1
for _, one in ipairs(KEYS) do redis.call('PEXPIRE', one, ARGV[2]) end
local failed = found[3]
if failed == at then
  redis.call('HDEL', key, 'failed')
  failed = redis.call('SRANDMEMBER', KEYS[2])
  if not isKnown and not failed then
    -- An earlier version has filled it, and did not note its failures.
    local all = redis.call('HGETALL', key)
    for i = 1, #all, 2 do
      if all[i + 1] == '' and tonumber(all[i]) then failed = all[i] end
    end
  end
  if failed then redis.call('HSET', key, 'failed', failed) end
end
if failed then return {freed} end
return {freed, found[2]}`;

/**
 * Opens a join. A script and no transaction: of one, a node of a cluster that has not its slot refuses
 * a part. KEYS: the join. ARGV: how many places, '' where that comes later; what follows; how long to
 * wait, in milliseconds.
 */
const openScript = `
redis.call('HSETNX', KEYS[1], 'size', ARGV[1])
redis.call('HSET', KEYS[1], 'next', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])`;

const open = new OwnScript<unknown>(1, openScript);
const fill = new OwnScript<unknown>(2, fillScript);
const seal = new OwnScript<unknown>(1, sealScript);
const grow = new OwnScript<number>(2, growScript);
const reopen = new OwnScript<unknown>(2, reopenScript);

/** The joins and stored lists of an App. */
export class Joins {
  readonly #placeOf: PlaceOf;

  /** @param placeOf gives where a group or a list is kept */
  constructor(placeOf: PlaceOf) {
    this.#placeOf = placeOf;
  }

  /** Opens a join; again with the same is nothing new. `size` may come later, by `seal`. */
  async open(
    id: string,
    size: number | undefined,
    continuation: Continuation,
    wait: number,
  ): Promise<void> {
    const { ask, prefix } = this.#placeOf(id);
    const key = joinKey(prefix, id);
    await ask(`group ${id} was not opened`, (connection) =>
      open.run(connection, key, size ?? '', JSON.stringify(continuation), wait),
    );
  }

  /** Fills a place with a value, as JSON text, or with a failure. */
  async fill(id: string, at: number, text: string | undefined, wait: number): Promise<Filled> {
    const { ask, prefix } = this.#placeOf(id);
    const failed = text === undefined ? '1' : '0';
    const keys = [joinKey(prefix, id), failuresKey(prefix, id)];
    const reply = await ask(`group ${id} was not told of a result`, (connection) =>
      fill.run(connection, ...keys, at, text ?? '', failed, wait),
    );
    return filled(reply);
  }

  async seal(id: string, size: number): Promise<Filled> {
    const { ask, prefix } = this.#placeOf(id);
    const reply = await ask(`group ${id} was not told its size`, (connection) =>
      seal.run(connection, joinKey(prefix, id), size),
    );
    return filled(reply);
  }

  /** Frees a place that a failure has filled. Gives what follows, unless another failure stands. */
  async reopen(
    id: string,
    at: number,
    wait: number,
  ): Promise<{ readonly freed: boolean; readonly continuation?: Continuation }> {
    const { ask, prefix } = this.#placeOf(id);
    const keys = [joinKey(prefix, id), failuresKey(prefix, id)];
    const reply = await ask(`group ${id} was not opened again`, (connection) =>
      reopen.run(connection, ...keys, at, wait),
    );
    const [freed, next] = reply as [number, string?];
    return {
      freed: freed === 1,
      ...(next !== undefined && { continuation: JSON.parse(next) as Continuation }),
    };
  }

  /** Adds a place to a group that is not complete; the same one for the same name. */
  async grow(id: string, name: string): Promise<number> {
    const { ask, prefix } = this.#placeOf(id);
    const key = joinKey(prefix, id);
    const at = await ask(`group ${id} did not grow`, (connection) =>
      grow.run(connection, key, addedKey(prefix, id), name, grown),
    );
    if (at >= 0) return at;
    throw new ChordError(
      `nothing can be added to group ${id}: it is complete, or its generator still produces parts`,
    );
  }

  /**
   * The values of a group as the JSON text of a list.
   *
   * @throws ChordError when they are not there any more
   */
  async values(id: string): Promise<string> {
    const { ask, prefix } = this.#placeOf(id);
    const read = (from: number, to: number): Promise<(string | null)[]> =>
      ask(`the results of group ${id} were not read`, (connection) =>
        connection.hmget(joinKey(prefix, id), 'size', ...positions(from, to).map(String)),
      );
    // In portions: a large group in one piece would hold Redis up.
    const [text, ...texts] = await read(0, firstPortion);
    const size = Number(text ?? 0);
    for (let from = firstPortion; from < size; from += portion) {
      const [, ...more] = await read(from, Math.min(size, from + portion));
      texts.push(...more);
    }
    const values = texts.slice(0, size);
    if (text && !values.includes(null)) return `[${values.join(',')}]`;
    throw new ChordError(
      `the results of group ${id} are not there: they were kept until nothing had happened in it for a week, or were removed`,
    );
  }

  /** Forgets the values of a group, which nobody needs any more. */
  async drop(id: string): Promise<void> {
    const { ask, prefix } = this.#placeOf(id);
    const key = joinKey(prefix, id);
    await ask(`group ${id} was not dropped`, (connection) =>
      connection.unlink(key, addedKey(prefix, id), failuresKey(prefix, id)),
    );
  }

  /** Stores a list of steps once, for all the messages that would carry the rest of it. */
  async store(id: string, steps: readonly Step[], wait: number): Promise<void> {
    const { ask, prefix } = this.#placeOf(id);
    await ask(`chain ${id} was not stored`, (connection) =>
      connection.set(listKey(prefix, id), JSON.stringify(steps), 'PX', wait),
    );
  }

  /** A stored list, kept on until its last step; nothing when it is not there any more. */
  async list(id: string, at: number, patience: number): Promise<readonly Step[] | undefined> {
    const { ask, prefix } = this.#placeOf(id);
    const known = this.#lists.get(id);
    const key = listKey(prefix, id);
    const wait = known && at >= known.length - 1 ? afterwards : patience;
    if (known) {
      // Where it fails, there is a week for the next one.
      void ask(`chain ${id} was not kept`, (connection) => connection.pexpire(key, wait)).catch(
        () => undefined,
      );
      return known;
    }
    const text = await ask(`chain ${id} was not read`, (connection) =>
      connection.getex(key, 'PX', wait),
    );
    if (text === null) return undefined;
    const steps = JSON.parse(text) as Step[];
    this.#lists.set(id, steps);
    for (const oldest of this.#lists.keys()) {
      if (this.#lists.size <= mostLists) break;
      this.#lists.delete(oldest);
    }
    return steps;
  }

  /** Lists that were read lately: a chain passes through the same workers again and again. */
  readonly #lists = new Map<string, readonly Step[]>();
}

/** How many values are read with the size of a group, and at a time behind them. */
const firstPortion = 100;
const portion = 1_000;

const positions = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, at) => from + at);

const mostLists = 100;
/** How long a list is kept when its last step was sent, should that be done again. */
const afterwards = 3_600_000;
/** How long it is remembered that a place was added, in milliseconds. */
const grown = 7 * 24 * 3_600_000;

function filled(reply: unknown): Filled {
  const [kind, next] = reply as [string, string];
  if (kind !== 'done' && kind !== 'failed') return { kind: 'waiting' };
  return { kind, continuation: JSON.parse(next) as Continuation };
}
