/** What became of the messages of a canvas together: whether all were sent, or none, or nobody knows. */
import { BrokerError } from '../errors.js';
import { firstTasks, type Step } from '../protocol/step.js';

/**
 * Waits for messages of one canvas.
 *
 * @param before how many of it were sent before these
 * @throws (rejects) the first error that is no BrokerError; else a BrokerError which tells of all that failed: as
 * soon as one of them was sent, or may have been, nobody can say of the canvas that it was not
 */
export async function allSent(sends: readonly Promise<unknown>[], before = 0): Promise<void> {
  const fates = await Promise.allSettled(sends);
  const errors = fates.flatMap((fate) =>
    fate.status === 'rejected' ? [fate.reason as unknown] : [],
  );
  const [first] = errors;
  if (errors.length === 0) return;
  for (const error of errors) if (!(error instanceof BrokerError)) throw error;
  const failed = errors as BrokerError[];
  const isNone =
    before === 0 &&
    errors.length === fates.length &&
    failed.every(({ outcome }) => outcome === 'not-sent');
  const { message, cause } = first as BrokerError;
  const others = failed.length === 1 ? '' : ` (and ${failed.length - 1} more parts of its group)`;
  throw new BrokerError(`${message}${others}`, {
    outcome: isNone ? 'not-sent' : 'unknown',
    ids: failed.flatMap(({ ids }) => ids),
    cause,
  });
}

/**
 * Waits for what has to be stored ahead of a step's messages.
 *
 * @throws (rejects) what that is rejected with; a BrokerError says that none of the messages was sent
 */
export async function ahead(step: Step, storing: Promise<unknown>): Promise<void> {
  try {
    await storing;
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    const ids = firstTasks(step).map(({ id }) => id);
    const { message, cause } = error;
    throw new BrokerError(message, { outcome: 'not-sent', ids, cause });
  }
}

/**
 * Waits for a step's messages, and for what is stored beside them.
 *
 * @throws (rejects) what the messages are rejected with; else what the other is rejected with: then a
 * BrokerError says that the messages may have been sent
 */
export async function beside(
  step: Step,
  sending: Promise<void>,
  storing: Promise<unknown>,
): Promise<void> {
  const [sent, stored] = await Promise.allSettled([sending, storing]);
  if (sent.status === 'rejected') throw sent.reason;
  if (stored.status === 'fulfilled') return;
  const error: unknown = stored.reason;
  if (!(error instanceof BrokerError)) throw error;
  const ids = firstTasks(step).map(({ id }) => id);
  throw new BrokerError(error.message, { outcome: 'unknown', ids, cause: error.cause });
}
