/** Waits for a worker's connection. */
import { StartupError } from '@dtask/core';
import { DatabaseRefusedError, whenReady, whyDown } from '@dtask/core/internal';
import type { Redis } from 'ioredis';
import type { WorkerLog } from './log.js';
import { within } from './within.js';

/** How often a worker that cannot start says why, in milliseconds. */
const patience = 5_000;

/**
 * Resolves when a connection is up, or was closed meanwhile; says in the log what keeps it.
 *
 * @param what cannot be done until then
 * @throws StartupError when the server refuses the database that the address names
 */
export async function connected(
  connection: Redis,
  broker: string,
  log: WorkerLog,
  what = 'the worker cannot start yet',
): Promise<void> {
  // A connection that is closed meanwhile is closed by stop(), which start() looks for.
  let refusal: DatabaseRefusedError | undefined;
  const settled = whenReady(connection).catch((error: unknown) => {
    if (error instanceof DatabaseRefusedError) refusal = error;
  });
  while (!(await within(patience, settled))) log.warn(whyDown(connection, broker, what).message);
  if (refusal) {
    const { message } = whyDown(connection, broker, what);
    throw new StartupError(message, { cause: refusal });
  }
}
