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

/** Largest batch: it holds Redis for well under a millisecond. */
const most = 128;

/**
 * Writes outcomes on a connection, those of one turn of the event loop in one command.
 *
 * The command is written before `write` resolves, and Redis runs a connection's commands in order:
 * so an outcome is stored before anything that is sent afterwards on the same connection, such as
 * the job's completion, and nobody waits for a reply.
 */
export class OutcomeWriter {
  readonly #connection: Scripted;
  readonly #prefix: string;
  readonly #onError: (error: unknown) => void;
  #batch: OutcomeWrite[] = [];
  #flushed: Promise<void> | undefined;

  /** @param onError hears of outcomes that Redis refused */
  constructor(connection: Redis, prefix: string, onError: (error: unknown) => void) {
    connection.defineCommand(command, { lua: script });
    this.#connection = connection as Scripted;
    this.#prefix = prefix;
    this.#onError = onError;
  }

  /** Adds an outcome to this turn's batch; resolves when the batch has been written to the socket. */
  write(outcome: OutcomeWrite): Promise<void> {
    this.#batch.push(outcome);
    this.#flushed ??= new Promise((resolve) => {
      // After the microtasks of this turn, in which the other jobs of one reply end as well.
      process.nextTick(() => {
        this.#flush();
        resolve();
      });
    });
    return this.#flushed;
  }

  #flush(): void {
    const batch = this.#batch;
    this.#batch = [];
    this.#flushed = undefined;
    for (const group of groups(batch)) {
      for (let from = 0; from < group.length; from += most)
        this.#send(group.slice(from, from + most));
    }
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
