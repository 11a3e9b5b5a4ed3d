/** The slots of a Redis Cluster, and the hash tags that spread shards over them evenly. Pure. */
import { crc16 } from './crc16.js';

/** How many slots every cluster has. */
export const slotCount = 16_384;

/** The slot of all keys that have a hash tag. */
export const slotOf = (tag: string): number => crc16(tag) % slotCount;

const known = new Map<number, readonly string[]>();

/**
 * The hash tags of so many shards: of shard `i` the first of the texts `i`, `i.1`, `i.2` and so on
 * whose slot is in the `i`-th of as many equal ranges. Nodes own ranges of slots, so shards are spread
 * over the nodes as slots are; the plain numbers would fall anywhere.
 */
export function shardTags(count: number): readonly string[] {
  let tags = known.get(count);
  if (!tags) {
    tags = Object.freeze(Array.from({ length: count }, (_, shard) => tagOf(shard, count)));
    known.set(count, tags);
  }
  return tags;
}

function tagOf(shard: number, count: number): string {
  const from = Math.floor((shard * slotCount) / count);
  const to = Math.floor(((shard + 1) * slotCount) / count);
  for (let next = 0; ; next += 1) {
    const tag = next === 0 ? String(shard) : `${shard}.${next}`;
    const slot = slotOf(tag);
    if (slot >= from && slot < to) return tag;
  }
}
