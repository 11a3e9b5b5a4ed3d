/** What tasks note down in Redis, for a test to count and read. */
import { Redis } from 'ioredis';

const keyOf = (prefix: string, mark: string): string => `notes:${prefix}:${mark}`;

let connection: Redis | undefined;

/** Called in a worker: adds an entry under a mark. */
export async function note(mark: string, entry: unknown): Promise<void> {
  connection ??= new Redis(process.env['DTASK_BROKER_URL'] ?? '');
  await connection.rpush(keyOf(process.env['DTASK_PREFIX'] ?? '', mark), JSON.stringify(entry));
}

/** Called in a test: the entries under a mark, in the order in which they came. */
export async function readNotes(redis: Redis, prefix: string, mark: string): Promise<unknown[]> {
  const texts = await redis.lrange(keyOf(prefix, mark), 0, -1);
  return texts.map((text): unknown => JSON.parse(text));
}
