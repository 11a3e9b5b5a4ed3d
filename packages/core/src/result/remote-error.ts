/** Gives a caller the error class that fits a task's failure. */
import * as errors from '../errors.js';
import { forOneWait } from './at-caller.js';
import { MaxRetriesExceededError, Reject } from '../steering.js';
import type { Outcome } from '../protocol/outcome.js';

/** The failures that dtask itself states, which callers catch by their own class. */
const own: readonly (new (
  message: string,
  options?: errors.DtaskErrorOptions,
) => errors.DtaskError)[] = [
  errors.UnknownTaskError,
  errors.ArgumentsError,
  errors.EncodeError,
  errors.PayloadTooLargeError,
  errors.MessageRejectedError,
  errors.WorkerLostError,
  errors.TimeLimitExceededError,
  errors.SoftTimeLimitExceededError,
  errors.ChordError,
  MaxRetriesExceededError,
];

/** The error that `get()` throws for an outcome that is not a success. */
export function errorOf(outcome: Outcome): errors.DtaskError {
  const { id, task, error } = outcome;
  if (outcome.state === 'REVOKED') {
    const reason = error instanceof Error ? error.message : 'revoked';
    return new errors.TaskRevokedError(`task ${task ?? '?'}[${id}] was revoked: ${reason}`, {
      cause: error,
    });
  }
  return revive(error) ?? new errors.TaskFailedError(id, task, error);
}

/**
 * What `get()` gives for an outcome.
 *
 * @param propagate `false` gives the error in place of throwing it
 */
export function valueOf(outcome: Outcome, propagate: boolean | undefined): unknown {
  if (outcome.state === 'SUCCESS' || outcome.state === 'IGNORED') return outcome.value;
  const error = forOneWait(errorOf(outcome));
  if (propagate === false) return error;
  throw error;
}

function revive(error: unknown): errors.DtaskError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  const known = own.find(
    (kind) => 'code' in kind && kind.code === code && kind.name === error.name,
  );
  if (known) return new known(error.message, { cause: error });
  return error.name === Reject.name && code === Reject.code ? new Reject(error.message) : undefined;
}
