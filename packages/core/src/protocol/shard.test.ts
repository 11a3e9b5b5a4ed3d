/** The hash of ids is part of the protocol: other clients have to find the same shard. */
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { crc16 } from './crc16.js';
import { shardOf } from './shard.js';

test('the hash is the CRC16 that Redis Cluster has', () => {
  // The example of Redis' own specification.
  expect(crc16('123456789')).toBe(0x31c3);
  expect(crc16('')).toBe(0);
});

test('ids beyond ASCII are hashed by their bytes in UTF-8', () => {
  const bytes = Buffer.from('größe').toString('latin1');
  expect(bytes).not.toBe('größe');
  let crc = 0;
  for (const byte of Buffer.from('größe')) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  expect(crc16('größe')).toBe(crc);
});

test('calls of one pack are on one shard', () => {
  for (let round = 0; round < 50; round += 1) {
    const id = randomUUID();
    for (const count of [2, 3, 256]) {
      expect(shardOf(`${id}~p0`, count)).toBe(shardOf(id, count));
      expect(shardOf(`${id}~p4711`, count)).toBe(shardOf(id, count));
    }
  }
});

test('the parts of a group and the chunks of a map are spread evenly', () => {
  const id = randomUUID();
  for (const name of [
    (n: number) => `${id}-${n}`,
    (n: number) => `${id}~m${n}`,
    () => randomUUID(),
  ]) {
    for (const count of [2, 3, 16]) {
      const found = new Map<number, number>();
      const each = 2_000;
      for (let n = 0; n < each * count; n += 1) {
        const shard = shardOf(name(n), count);
        found.set(shard, (found.get(shard) ?? 0) + 1);
      }
      for (let shard = 0; shard < count; shard += 1)
        expect(found.get(shard) ?? 0).toBeGreaterThan(each * 0.8);
    }
  }
});

test.each([
  ['1f0c6b1e-9f5e-4d2a-8a53-0a5f9d6f2f4e', 1, 0, 9],
  ['1f0c6b1e-9f5e-4d2a-8a53-0a5f9d6f2f4e~p7', 1, 0, 9],
  ['nightly-2026-01-31', 0, 0, 4],
  ['order-4711', 1, 2, 11],
  ['größe-1', 0, 1, 6],
])('%s is where the protocol says', (id, ...places) => {
  expect([2, 3, 16].map((count) => shardOf(id, count))).toEqual(places);
});
