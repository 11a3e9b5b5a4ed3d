/** A call that is sent only where no equal one is. */
import type { Shards } from '../broker/shards.js';
import { ConfigError } from '../errors.js';
import type { Uniqueness } from '../protocol/call-settings.js';
import type { Call } from '../protocol/message.js';
import { deduplicationOf } from '../task/unique.js';

/**
 * The call, as one that is sent only where no equal one is. Equal calls are on one shard, which their
 * key says and an id has to agree with.
 *
 * @param draw gives other ids; absent where the caller has chosen the id
 * @throws ConfigError when the chosen id belongs to another shard
 */
export function onlyOne(
  { message, ...call }: Call,
  unique: Uniqueness,
  shards: Shards,
  draw: ((attempt: number) => string) | undefined,
): Call {
  const found = deduplicationOf(message.name, message.args, unique);
  const home = shards.of(found.id);
  let { id } = message;
  for (let attempt = 1; shards.of(id) !== home; attempt += 1) {
    if (draw) id = draw(attempt);
    else {
      throw new ConfigError(
        `task ${message.name}[${id}] is unique, and its id belongs to shard ${shards.of(id).index} while all calls with its key go to shard ${home.index}; leave the id to dtask`,
      );
    }
  }
  const started = unique.until === 'started' && { unique: 'started' };
  return { ...call, message: { ...message, ...started, id }, unique: found };
}
