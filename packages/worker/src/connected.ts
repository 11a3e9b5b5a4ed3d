/** Waits for a worker's connection. */
import { whenReady, whyDown } from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { WorkerLog } from './log.js';
import { within } from './within.js';

/** How often a worker that cannot start says why, in milliseconds. */
const patience = 5_000;

/**
 * Resolves when a connection is up, or was closed meanwhile; says in the log what keeps it.
 *
 * @param what cannot be done until then
 */
export async function connected(
  connection: Redis,
  broker: string,
  log: WorkerLog,
  what = 'the worker cannot start yet',
): Promise<void> {
  // A connection that is closed meanwhile is closed by stop(), which start() looks for.
  const settled = whenReady(connection).catch(() => undefined);
  while (!(await within(patience, settled))) log.warn(whyDown(connection, broker, what).message);
}
