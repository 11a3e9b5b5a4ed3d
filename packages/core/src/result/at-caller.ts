/**
 * The stack of an error that a wait gives: it begins with the line that waits. V8 finds that line from
 * where an async function goes on, for it knows who awaits its promise; so nothing has to be noted
 * when the wait begins.
 */
import { TaskFailedError } from '../errors.js';
import { appendRemoteStack } from '../remote-stack.js';

/** Errors that dtask has made for one wait: nobody else holds them. */
const ownErrors = new WeakSet<object>();

/** Node's own frame, in which promises go on. */
const turn = /\n {4}at process\.processTicksAndRejections \(node:.*\)/;

/** Notes that an error was made for one wait. */
export function forOneWait<E extends Error>(error: E): E {
  ownErrors.add(error);
  return error;
}

/**
 * Gives an error of `forOneWait` the stack of those who wait for an async method that runs now. Another
 * error stays as it is: it is somebody's.
 *
 * @param entry the method, behind an `await` of its own: else a method that has called it stood first
 */
export function atCaller<K extends PropertyKey>(
  error: unknown,
  holder: Readonly<Record<K, (...args: never[]) => unknown>>,
  entry: K,
): unknown {
  if (typeof error !== 'object' || error === null || !ownErrors.has(error)) return error;
  Error.captureStackTrace(error, holder[entry]);
  const own = error as Error;
  own.stack = own.stack?.replace(turn, '') ?? own.message;
  if (error instanceof TaskFailedError) appendRemoteStack(error);
  return error;
}
