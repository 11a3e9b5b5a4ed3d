/** Stores outcomes: the record under the result key, and the push to the caller who waits. */
import type { Redis } from 'ioredis';
import { OwnScript } from '../broker/own-script.js';
import { partBy } from '../part-by.js';
import { followedKey, replyChannel, resultKey } from '../protocol/keys.js';

/** The token of what must not be there; the record itself may. */
export const noLock = '-';

/** The lock under which a worker has a job. */
export interface HeldLock {
  readonly key: string;
  /** What is in the lock while the worker has the job; `noLock` for a key that must not be there. */
  readonly token: string;
}

/** One outcome on its way to Redis. */
export interface OutcomeWrite {
  readonly id: string;
  /** The outcome as JSON text; '' to store nothing, and only ask whether the lock holds. */
  readonly text: string;
  /** The caller process to push to. */
  readonly reply: string | undefined;
  /** How long the record is kept, in milliseconds; 0 for ever. */
  readonly keep: number;
  /** What is written without it counts not: somebody else has the job. Absent where no worker has it. */
  readonly lock?: HeldLock | undefined;
}

/** What shows to commands behind it on the connection that outcomes were stored. */
export interface Proof {
  readonly key: string;
  /** What the key holds when these outcomes are stored, and all before them. */
  readonly value: number;
  /** What it has to hold by now; nothing where those before were stored for certain. */
  readonly before: number | undefined;
}

/**
 * Stores records, all for the same time, and pushes them to their callers, to each in one piece.
 * While some process waits for a task that another one sent, each is told of as well. What comes
 * from a worker that has not the lock of the job any more changes nothing.
 *
 * The first command that writes is the first SET: Redis refuses that where it has no memory left, and
 * would take all that comes behind another write.
 *
 * KEYS: one for each record; for each that of its lock, or the next one; what says that some process
 * waits; the proof. ARGV: the time in milliseconds; how many callers; what the proof is to hold, or
 * ''; what it has to hold by now, or ''; for each caller its channel, or '', and how many records are
 * its; the records, in that order; for each what has to be in its lock, or ''. Gives the places of those that were refused, or
 * nothing.
 */
const script = `
local count = (#KEYS - 2) / 2
local keep, callers = ARGV[1], tonumber(ARGV[2])
local first = 2 * callers + 5
local found = redis.call('MGET', unpack(KEYS, count + 1))
local followed = found[count + 1]
local refused
for i = 1, count do
  local key, record, token = KEYS[i], ARGV[first + i - 1], ARGV[first + count + i - 1]
  if token == '${noLock}' and (not found[i] or found[i] == record) then token = '' end
  if token ~= '' and found[i] ~= token then
    refused = refused or {}
    refused[#refused + 1] = i - 1
    refused[key] = true
  elseif record ~= '' then
    if keep == '0' then redis.call('SET', key, record) else redis.call('SET', key, record, 'PX', keep) end
    if followed then redis.call('PUBLISH', key, '') end
  end
end
local at = 1
for i = 1, callers do
  local channel, size = ARGV[2 * i + 3], tonumber(ARGV[2 * i + 4])
  local last = at + size - 1
  if channel ~= '' then
    local from, to, records = first + at - 1, first + last - 1, ARGV
    if refused then
      records, from, to = {}, 1, 0
      for j = at, last do
        if not refused[KEYS[j]] then to = to + 1; records[to] = ARGV[first + j - 1] end
      end
    end
    if to >= from then redis.call('PUBLISH', channel, '[' .. table.concat(records, ',', from, to) .. ']') end
  end
  at = last + 1
end
if refused then return refused end
if ARGV[3] ~= '' and (ARGV[4] == '' or found[count + 2] == ARGV[4]) then
  redis.call('SET', KEYS[#KEYS], ARGV[3], 'PX', 1000)
end`;

const store = new OwnScript<readonly number[] | null>(undefined, script);

/** Largest command: it holds Redis for well under a millisecond. */
export const mostOutcomes = 128;

/**
 * Stores outcomes that are kept for the same time, in one command.
 *
 * @returns those that were refused because their lock is not held
 * @throws ReplyError (rejects) when Redis refuses the command: then none is stored
 */
export async function storeOutcomes(
  connection: Redis,
  prefix: string,
  batch: readonly OutcomeWrite[],
  proof?: Proof,
): Promise<readonly OutcomeWrite[]> {
  const callers = partAlike(batch, ({ reply }) => reply);
  const followed = followedKey(prefix);
  const ordered: OutcomeWrite[] = [];
  const counts: (string | number)[] = [];
  for (const [reply, outcomes] of callers) {
    counts.push(reply === undefined ? '' : replyChannel(prefix, reply), outcomes.length);
    for (const outcome of outcomes) ordered.push(outcome);
  }
  const keys: string[] = [];
  const locks: string[] = [];
  const texts: string[] = [];
  const tokens: string[] = [];
  for (const { id, text, lock } of ordered) {
    keys.push(resultKey(prefix, id));
    locks.push(lock?.key ?? followed);
    texts.push(text);
    tokens.push(lock?.token ?? '');
  }
  const all = [...keys, ...locks, followed, proof?.key ?? followed];
  const shown = [proof?.value ?? '', proof?.before ?? ''];
  const keep = Math.ceil(batch[0]?.keep ?? 0);
  const args = [keep, callers.size, ...shown, ...counts, ...texts, ...tokens];
  const refused = await store.run(connection, all.length, ...all, ...args);
  return refused ? refused.map((at) => ordered[at] as OutcomeWrite) : [];
}

/** Outcomes as they are stored: by how long they are kept, and no more than fit into a command. */
export function* batchesOf(outcomes: readonly OutcomeWrite[]): Iterable<readonly OutcomeWrite[]> {
  for (const [, batch] of partAlike(outcomes, ({ keep }) => keep)) {
    if (batch.length <= mostOutcomes) yield batch;
    else
      for (let at = 0; at < batch.length; at += mostOutcomes)
        yield batch.slice(at, at + mostOutcomes);
  }
}

/**
 * Stores outcomes of tasks that no worker has.
 *
 * @throws ReplyError (rejects) when Redis refuses some of them
 */
export async function settleOutcomes(
  connection: Redis,
  prefix: string,
  outcomes: readonly OutcomeWrite[],
): Promise<void> {
  const batches = Array.from(batchesOf(outcomes));
  await Promise.all(batches.map((batch) => storeOutcomes(connection, prefix, batch)));
}

/** Parts outcomes by what they have in common; mostly all have. */
function partAlike<K>(
  outcomes: readonly OutcomeWrite[],
  common: (outcome: OutcomeWrite) => K,
): Map<K, readonly OutcomeWrite[]> {
  const [first] = outcomes;
  if (!first) return new Map();
  if (outcomes.every((outcome) => common(outcome) === common(first)))
    return new Map([[common(first), outcomes]]);
  return partBy(outcomes, common);
}
