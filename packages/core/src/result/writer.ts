/** Writes outcomes: the record under the result key, and the push to the caller who waits. */
import type { Redis } from 'ioredis';
import { OwnScript } from '../broker/own-script.js';
import { partBy } from '../part-by.js';
import { followedKey, replyChannel, resultKey } from '../protocol/keys.js';

/** One outcome on its way to Redis. */
export interface OutcomeWrite {
  readonly id: string;
  /** The outcome as JSON text. */
  readonly text: string;
  /** The caller process to push to. */
  readonly reply: string | undefined;
  /** How long the record is kept, in milliseconds; 0 for ever. */
  readonly keep: number;
}

/**
 * Stores records, all for the same time, and pushes them to their callers, to each in one piece.
 * While some process waits for a task that another one sent, each is told of as well.
 * KEYS: one for each record, then the one that says so. ARGV: the time in milliseconds; how many
 * callers; for each its channel, or '', and how many records are its; the records, in that order.
 */
const script = `
local keep, callers = ARGV[1], tonumber(ARGV[2])
local first = 2 * callers + 3
local followed = redis.call('EXISTS', KEYS[#KEYS]) == 1
for i = 1, #KEYS - 1 do
  local key, record = KEYS[i], ARGV[first + i - 1]
  if keep == '0' then redis.call('SET', key, record) else redis.call('SET', key, record, 'PX', keep) end
  if followed then redis.call('PUBLISH', key, '') end
end
for i = 1, callers do
  local channel, count = ARGV[2 * i + 1], ARGV[2 * i + 2]
  local last = first + count - 1
  if channel ~= '' then
    redis.call('PUBLISH', channel, '[' .. table.concat(ARGV, ',', first, last) .. ']')
  end
  first = last + 1
end`;

const storeOutcomes = new OwnScript<unknown>(undefined, script);

/**
 * Outcomes that are gathered before they are written. More would save Redis little, and leave it
 * idle while the rest of a turn's tasks run.
 */
const most = 24;
/** Largest command: it holds Redis for well under a millisecond. */
const largest = 128;

/**
 * Writes outcomes on a connection, several in one command, and behind them the commands that must
 * not come before them, such as a job's completion.
 *
 * Redis runs a connection's commands in order: so an outcome is stored before anything that is
 * written later on the same connection, and nobody waits for a reply. What is gathered is written
 * when it is enough, at the end of the event loop's turn, or by `flush`.
 */
export class OutcomeWriter {
  readonly #connection: Redis;
  readonly #prefix: string;
  readonly #onError: (error: unknown) => void;
  readonly #onTurn = (): void => {
    this.#scheduled = false;
    this.flush();
  };
  #outcomes: OutcomeWrite[] = [];
  #followers: (() => void)[] = [];
  /** Those that are called just now. */
  #following: (() => void)[] | undefined;
  #scheduled = false;
  #acknowledged: (() => void)[] = [];

  /** @param onError hears of outcomes that Redis refused */
  constructor(connection: Redis, prefix: string, onError: (error: unknown) => void) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#onError = onError;
  }

  /** Adds an outcome to what is written next. */
  write(outcome: OutcomeWrite): void {
    this.#outcomes.push(outcome);
    if (this.#outcomes.length < largest) this.#schedule();
    else this.flush();
  }

  /** Resolves when Redis has answered for all outcomes before it, or refused them. */
  stored(): Promise<void> {
    this.#schedule();
    return new Promise((resolve) => this.#acknowledged.push(resolve));
  }

  /**
   * Calls `send` when all outcomes before it are written. What is asked for while that goes on is
   * called last of all.
   */
  follow(send: () => void): void {
    if (this.#following) {
      this.#following.push(send);
      return;
    }
    this.#followers.push(send);
    if (this.#followers.length < most) this.#schedule();
    // In the middle of a turn: Redis is to have work while the turn goes on.
    else this.#write()?.uncork();
  }

  /** Writes what is gathered, together with what is written in the rest of this turn. */
  flush(): void {
    const stream = this.#write();
    if (stream) process.nextTick(() => stream.uncork());
  }

  /** Gives the stream, corked, where there is one: each write to a socket is a system call. */
  #write(): Redis['stream'] | undefined {
    const outcomes = this.#outcomes;
    const followers = this.#followers;
    const acknowledged = this.#acknowledged;
    if (outcomes.length + followers.length + acknowledged.length === 0) return undefined;
    this.#outcomes = [];
    this.#followers = [];
    // The outcomes by themselves: what Redis reads in one piece it answers in one piece, and their
    // callers would wait for the commands behind them.
    let last: Promise<unknown> | undefined;
    for (const [keep, batch] of partAlike(outcomes, (outcome) => outcome.keep))
      last = this.#send(batch, keep);
    if (acknowledged.length > 0) {
      this.#acknowledged = [];
      // A connection is answered in order.
      void Promise.resolve(last).then(() => {
        for (const resolve of acknowledged) resolve();
      });
    }
    const stream = this.#connection.stream as Redis['stream'] | undefined;
    stream?.cork();
    this.#following = followers;
    try {
      // There may come more on the way.
      for (const send of followers) send();
    } finally {
      this.#following = undefined;
    }
    return stream;
  }

  /** After the microtasks of this turn, in which the other tasks of one reply end as well. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(this.#onTurn);
  }

  /** @param batch outcomes that are kept for the same time */
  #send(batch: readonly OutcomeWrite[], keep: number): Promise<unknown> {
    const callers = partAlike(batch, ({ reply }) => reply);
    const keys: string[] = [];
    const counts: (string | number)[] = [];
    const texts: string[] = [];
    for (const [reply, outcomes] of callers) {
      counts.push(reply === undefined ? '' : replyChannel(this.#prefix, reply), outcomes.length);
      for (const { id, text } of outcomes) {
        keys.push(resultKey(this.#prefix, id));
        texts.push(text);
      }
    }
    keys.push(followedKey(this.#prefix));
    const args = [Math.ceil(keep), callers.size, ...counts, ...texts];
    return storeOutcomes.run(this.#connection, keys.length, ...keys, ...args).catch(this.#onError);
  }
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
