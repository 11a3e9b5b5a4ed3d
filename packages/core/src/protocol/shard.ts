/** Which shard a task lives on: its id says so, wherever it is asked. Pure. */
import { packOf } from './pack.js';

/** The bytes of CRC16 in the form of XMODEM, that of Redis Cluster: polynomial 0x1021, from 0. */
const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0);
  return crc & 0xffff;
});

/** The CRC16 of a text's bytes in UTF-8. */
export function crc16(text: string): number {
  let crc = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    // Ids are plain but for those that people make up.
    if (code > 0x7f) return crc16Of(Buffer.from(text));
    crc = next(crc, code);
  }
  return crc;
}

const crc16Of = (bytes: Uint8Array): number => bytes.reduce(next, 0);

const next = (crc: number, byte: number): number =>
  ((crc << 8) & 0xffff) ^ (table[((crc >> 8) ^ byte) & 0xff] ?? 0);

/**
 * The number of the shard, from 0, that has what belongs to an id: of a task, a group or a map. Calls
 * that travel in one message are on one.
 *
 * @param count how many shards there are
 */
export const shardOf = (id: string, count: number): number =>
  count === 1 ? 0 : crc16(packOf(id)) % count;
