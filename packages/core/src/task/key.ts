/** What a task's own function makes of a call's arguments, for calls to be told apart by. */
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import { isPromiseLike } from './context.js';

/**
 * Gives a key as it is.
 *
 * @param what the option whose function has given it
 * @throws ConfigError when it is not a text: different ones might look the same
 */
export function checkKey(task: string, what: string, key: unknown): string {
  if (typeof key === 'string') return key;
  const isAsync = isPromiseLike(key);
  // Nobody awaits it, so a rejection would be one too many to tell of.
  if (isAsync) key.then(undefined, () => undefined);
  const got = isAsync ? 'a promise; the function must not be async' : show(key);
  throw new ConfigError(`task ${task}: ${what} must give a string, got ${got}`);
}
