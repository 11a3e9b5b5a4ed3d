/** Takes back what was told of tasks that are to run after all: their failures. */
import type { Redis } from 'ioredis';
import { OwnScript } from '../broker/own-script.js';
import { clockOf } from '../broker/server-clock.js';
import { replyChannel, resultKey } from '../protocol/keys.js';
import { type Outcome, parseOutcome } from '../protocol/outcome.js';

/**
 * Deletes a record that is still the one that was read, and tells its caller, who may have kept it:
 * whoever is second deletes nothing, for by then the task may have ended anew. KEYS: the record.
 * ARGV: what was read; the caller's channel, or ''; what it gets.
 */
const script = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if ARGV[2] ~= '' then redis.call('PUBLISH', ARGV[2], ARGV[3]) end
return 1`;

const clear = new OwnScript<unknown>(1, script);

/** How many records are read in one go. */
const portion = 500;

/**
 * Deletes the records of tasks which say that they have failed.
 *
 * @param fits judges by the record
 * @param reply the caller process that has heard of them
 */
export async function clearFailures(
  connection: Redis,
  prefix: string,
  ids: readonly string[],
  reply: string | undefined,
  fits: (record: Outcome) => boolean = () => true,
): Promise<void> {
  const channel = reply === undefined ? '' : replyChannel(prefix, reply);
  for (let from = 0; from < ids.length; from += portion) {
    const some = ids.slice(from, from + portion);
    // One command for each key: in a cluster they live in different places.
    const texts = await Promise.all(some.map((id) => connection.get(resultKey(prefix, id))));
    const cleared: Promise<unknown>[] = [];
    for (const [index, id] of some.entries()) {
      const text = texts[index] ?? null;
      if (text === null || !isFailure(text, fits)) continue;
      const news = JSON.stringify([{ v: 1, id, state: 'PENDING', at: clockOf(connection).now() }]);
      const key = resultKey(prefix, id);
      cleared.push(clear.run(connection, key, text, channel, news));
    }
    await Promise.all(cleared);
  }
}

/** Whether a record says that its task has failed. */
export function isFailure(text: string, fits: (record: Outcome) => boolean = () => true): boolean {
  try {
    const outcome = parseOutcome(text);
    return outcome.state === 'FAILURE' && fits(outcome);
  } catch {
    // A record that nobody can read says nothing of the task.
    return true;
  }
}
