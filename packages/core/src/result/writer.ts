/** Writes outcomes: the record under the result key, and the push to the caller who waits. */
import type { Redis } from 'ioredis';
import { replyChannel, resultKey } from '../protocol/keys.js';

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
 * Stores each record and pushes to each caller once. ARGV: for each key the time to keep it, the
 * channel or '', and the text. Those of one channel stand together.
 */
const script = `
local pushed = {}
for i, key in ipairs(KEYS) do
  local at = i * 3 - 2
  local channel, text = ARGV[at + 1], ARGV[at + 2]
  if ARGV[at] == '0' then redis.call('SET', key, text) else redis.call('SET', key, text, 'PX', ARGV[at]) end
  if channel ~= '' then
    pushed[#pushed + 1] = text
    if ARGV[at + 4] ~= channel then
      redis.call('PUBLISH', channel, '[' .. table.concat(pushed, ',') .. ']')
      pushed = {}
    end
  end
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
    for (let from = 0; from < batch.length; from += most) this.#send(batch.slice(from, from + most));
  }

  #send(batch: OutcomeWrite[]): void {
    if (batch.length > 1) batch.sort((a, b) => compare(a.reply ?? '', b.reply ?? ''));
    const keys: string[] = [];
    const rest: (string | number)[] = [];
    for (const { id, text, reply, keep } of batch) {
      keys.push(resultKey(this.#prefix, id));
      rest.push(Math.ceil(keep), reply === undefined ? '' : replyChannel(this.#prefix, reply), text);
    }
    this.#connection[command](keys.length, ...keys, ...rest).catch(this.#onError);
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
