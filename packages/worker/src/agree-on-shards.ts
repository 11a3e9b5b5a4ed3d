/** Keeps workers apart that would look for the same task on different shards. */
import { StartupError } from '@dtask/core';
import { OwnScript, type Shards, shardsKey, workersKey } from '@dtask/core/internal';
import type { Redis } from 'ioredis';

/**
 * Says how many shards there are, unless workers live that say otherwise. KEYS: how many; the live
 * workers. ARGV: how many, as this one has it. Gives what the others say, or nothing.
 */
const script = `
local said = redis.call('GET', KEYS[1])
if said == ARGV[1] then return '' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('ZCOUNT', KEYS[2], '(' .. string.format('%.0f', now), '+inf') > 0 then return said or 'none' end
redis.call('SET', KEYS[1], ARGV[1])
return ''`;

const agree = new OwnScript<string>('dtaskAgreeOnShards', 2, script);

/**
 * Looks whether the workers that live have as many shards as this one.
 *
 * @throws StartupError where they have not
 */
export async function agreeOnShards(connection: Redis, { main, all }: Shards): Promise<void> {
  const keys = [shardsKey(main.prefix), workersKey(main.prefix)];
  const said = await agree.run(connection, ...keys, all.length);
  if (said === '') return;
  throw new StartupError(
    `the number of shards of this worker is ${all.length}, and that of workers that live is ${said}: the same task would be looked for in two places; stop all workers, see to it that nothing waits, and start them with the new shards`,
  );
}
