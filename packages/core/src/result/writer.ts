/** Writes outcomes: the record under the result key, and the push to the caller who waits. */
import type { Redis } from 'ioredis';
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
 * Stores records and pushes them to their caller; all have the same time to keep them and the same
 * channel. While some process waits for a task that another one sent, each is told of as well.
 * KEYS: one for each record, then the one that says so. ARGV: the time in milliseconds, the channel
 * or '', the records.
 */
const script = `
local keep, channel = ARGV[1], ARGV[2]
local followed = redis.call('EXISTS', KEYS[#KEYS]) == 1
for i = 1, #KEYS - 1 do
  local key = KEYS[i]
  if keep == '0' then redis.call('SET', key, ARGV[i + 2]) else redis.call('SET', key, ARGV[i + 2], 'PX', keep) end
  if followed then redis.call('PUBLISH', key, '') end
end
if channel ~= '' then
  redis.call('PUBLISH', channel, '[' .. table.concat(ARGV, ',', 3) .. ']')
end`;

const command = 'dtaskStoreOutcomes';
type Scripted = Redis & { [command](keys: number, ...rest: (string | number)[]): Promise<unknown> };

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
  readonly #connection: Scripted;
  readonly #prefix: string;
  readonly #onError: (error: unknown) => void;
  readonly #onTurn = (): void => {
    this.#scheduled = false;
    this.flush();
  };
  #outcomes: OutcomeWrite[] = [];
  #followers: (() => void)[] = [];
  #scheduled = false;

  /** @param onError hears of outcomes that Redis refused */
  constructor(connection: Redis, prefix: string, onError: (error: unknown) => void) {
    connection.defineCommand(command, { lua: script });
    this.#connection = connection as Scripted;
    this.#prefix = prefix;
    this.#onError = onError;
  }

  /** Adds an outcome to what is written next. */
  write(outcome: OutcomeWrite): void {
    this.#outcomes.push(outcome);
    if (this.#outcomes.length < largest) this.#schedule();
    else this.flush();
  }

  /** Calls `send` when all outcomes before it are written. */
  follow(send: () => void): void {
    this.#followers.push(send);
    if (this.#followers.length < most) this.#schedule();
    else this.flush();
  }

  /** Writes what is gathered, in one piece: each write to a socket is a system call. */
  flush(): void {
    const outcomes = this.#outcomes;
    const followers = this.#followers;
    if (outcomes.length === 0 && followers.length === 0) return;
    this.#outcomes = [];
    this.#followers = [];
    const stream = this.#connection.stream as Redis['stream'] | undefined;
    stream?.cork();
    for (const group of groups(outcomes)) this.#send(group);
    for (const send of followers) send();
    stream?.uncork();
  }

  /** After the microtasks of this turn, in which the other tasks of one reply end as well. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(this.#onTurn);
  }

  #send(group: readonly OutcomeWrite[]): void {
    const [first] = group;
    if (!first) return;
    const keys = group.map(({ id }) => resultKey(this.#prefix, id));
    keys.push(followedKey(this.#prefix));
    const channel = first.reply === undefined ? '' : replyChannel(this.#prefix, first.reply);
    const texts = group.map(({ text }) => text);
    this.#connection
      [command](keys.length, ...keys, Math.ceil(first.keep), channel, ...texts)
      .catch(this.#onError);
  }
}

/** Parts a batch by caller and time to keep; mostly there is one of each. */
function groups(batch: OutcomeWrite[]): OutcomeWrite[][] {
  const [first] = batch;
  if (batch.every(({ reply, keep }) => reply === first?.reply && keep === first?.keep))
    return [batch];
  const parts = new Map<string, OutcomeWrite[]>();
  for (const outcome of batch) {
    const part = `${outcome.keep} ${outcome.reply ?? ''}`;
    const group = parts.get(part);
    if (group) group.push(outcome);
    else parts.set(part, [outcome]);
  }
  return [...parts.values()];
}
