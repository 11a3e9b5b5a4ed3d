/** Reads hashes and sets that may be large, in portions: in one piece they would hold Redis up. */
import type { Redis } from 'ioredis';

/**
 * The fields of a hash and their values, about so many at a time. What is there all the while is given;
 * of what comes or goes meanwhile some. A field may be given twice.
 */
export async function* hashPortions(
  connection: Redis,
  key: string,
  portion: number,
): AsyncGenerator<[field: string, value: string][], void, undefined> {
  let cursor = '0';
  do {
    const [next, found] = await connection.hscan(key, cursor, 'COUNT', portion);
    const fields: [string, string][] = [];
    for (let at = 0; at + 1 < found.length; at += 2)
      fields.push([found[at] as string, found[at + 1] as string]);
    yield fields;
    cursor = next;
  } while (cursor !== '0');
}

/** The members of a set. */
export async function setMembers(connection: Redis, key: string): Promise<string[]> {
  const members = new Set<string>();
  let cursor = '0';
  do {
    const [next, found] = await connection.sscan(key, cursor, 'COUNT', scanned);
    for (const member of found) members.add(member);
    cursor = next;
  } while (cursor !== '0');
  return [...members];
}

/** Members of a set that are read at a time. */
const scanned = 1_000;
