/** The tags of shards are part of the protocol: other clients have to find the same keys. */
import { expect, test } from 'vitest';
import { shardTags, slotCount, slotOf } from './slot.js';

test('each shard has a slot in its own part of all slots', () => {
  for (const count of [1, 2, 3, 4, 6, 16, 100, 256, 1_024]) {
    const slots = shardTags(count).map(slotOf);
    expect(slots).toHaveLength(count);
    expect(new Set(slots).size).toBe(count);
    for (const [shard, slot] of slots.entries())
      expect(Math.floor(((slot + 0.5) * count) / slotCount)).toBe(shard);
  }
});

test('a tag begins with the number of its shard', () => {
  for (const [shard, tag] of shardTags(256).entries())
    expect(tag.split('.')[0]).toBe(String(shard));
});

test('nodes that have equal ranges of slots have about as many shards', () => {
  for (const [count, nodes] of [
    [6, 3],
    [16, 3],
    [16, 5],
    [256, 7],
  ] as const) {
    const found = Array.from({ length: nodes }, () => 0);
    for (const tag of shardTags(count)) {
      const node = Math.floor((slotOf(tag) * nodes) / slotCount);
      found[node] = (found[node] ?? 0) + 1;
    }
    expect(Math.max(...found) - Math.min(...found)).toBeLessThanOrEqual(2);
  }
});

test('slots are those of Redis Cluster', () => {
  // What CLUSTER KEYSLOT says of these.
  expect(slotOf('foo')).toBe(12_182);
  expect(slotOf('123456789')).toBe(0x31c3);
});
