/** A job that waits in a queue: what the queues of an App read of it. */
import type { Redis } from 'ioredis';
import type { Place } from '../broker/ask.js';
import { jobKey } from '../protocol/keys.js';
import { markFields } from '../protocol/marks.js';
import { decodeMessage, type Message } from '../protocol/message.js';

/** A job that waits. */
export interface WaitingJob {
  readonly message: Message;
  /** Whether the rate of its task has given it its turn, which it has not taken. */
  readonly hasTurn: boolean;
}

/** A job; nothing where it is gone, or damaged, so that nobody waits for it. */
export async function readJob(
  connection: Redis,
  { prefix }: Place,
  queue: string,
  id: string,
): Promise<WaitingJob | undefined> {
  const key = jobKey(prefix, queue, id);
  const fields = ['name', 'data', markFields.admitted, 'atm'] as const;
  const [name, data, admitted, attempt] = await connection.hmget(key, ...fields);
  try {
    const message = decodeMessage(id, name, JSON.parse(data ?? ''));
    return { message, hasTurn: typeof admitted === 'string' && admitted === (attempt ?? '0') };
  } catch {
    // What it says nobody can read: it is removed like the others.
    return undefined;
  }
}
