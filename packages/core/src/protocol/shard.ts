/** Which shard a task lives on: its id says so, wherever it is asked. Pure. */
import { crc16 } from './crc16.js';
import { packOf } from './pack.js';

/**
 * The number of the shard, from 0, that has what belongs to an id: of a task, a group or a map. Calls
 * that travel in one message are on one.
 *
 * @param count how many shards there are
 */
export const shardOf = (id: string, count: number): number =>
  count === 1 ? 0 : crc16(packOf(id)) % count;
