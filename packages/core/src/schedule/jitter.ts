/** How much later than its tick an entry fires: by chance, but the same in every beat. */
import { createHash } from 'node:crypto';

/** Six bytes of the hash: as many as a number holds exactly. */
const bytes = 6;

/** A number from 0 up to, not including, 1 that belongs to a seed and a tick. */
export function chance(seed: string, tick: number): number {
  const hash = createHash('sha256').update(`${tick}:${seed}`).digest();
  return hash.readUIntBE(0, bytes) / 2 ** (8 * bytes);
}
