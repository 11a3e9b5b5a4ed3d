/** The hash that Redis Cluster has. Pure. */

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
