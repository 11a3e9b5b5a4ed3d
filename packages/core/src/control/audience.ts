/** Which workers a request is for. */
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { type Duration, longestTimer, toMilliseconds } from '../duration.js';
import { ConfigError } from '../errors.js';
import { fitsGlob } from '../glob.js';

/** What every request to workers takes. */
export interface AskOptions {
  /** The workers to ask, by name. @default all */
  destination?: string | readonly string[];
  /** The workers to ask, by a pattern of their names: `*` is any text, `?` any character. */
  pattern?: string;
  /** Longest wait for answers; it ends as soon as the last live worker has answered. @default '1s' */
  timeout?: Duration;
}

/** The workers that a request is for, as it travels. Without either, all. */
export interface Audience {
  readonly destination?: readonly string[];
  readonly pattern?: string;
}

/** What a request was given, checked. */
export interface CheckedAsk {
  readonly audience: Audience;
  /** Longest wait for answers, in milliseconds. */
  readonly wait: number;
}

const known = ['destination', 'pattern', 'timeout'];

/**
 * Checks what a request was given.
 *
 * @param own names of the options that it takes beside those of every request
 * @throws ConfigError when an option is unknown or of the wrong kind
 */
export function checkAsk(
  what: string,
  options: AskOptions = {},
  own: readonly string[] = [],
): CheckedAsk {
  refuseUnknown({ ...options }, [...own, ...known], what);
  const { destination, pattern, timeout = '1s' } = options;
  const names = typeof destination === 'string' ? [destination] : destination;
  if (names !== undefined && !isNames(names)) {
    throw new ConfigError(
      `destination must be the name of a worker or an array of names, got ${show(destination)}`,
    );
  }
  if (pattern !== undefined && (typeof pattern !== 'string' || pattern === ''))
    throw new ConfigError(`pattern must be a text such as 'mail-*', got ${show(pattern)}`);
  return {
    audience: {
      ...(names && { destination: names }),
      ...(pattern !== undefined && { pattern }),
    },
    wait: Math.min(toMilliseconds(timeout, 'timeout'), longestTimer),
  };
}

function isNames(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((name) => typeof name === 'string' && name !== '')
  );
}

/** Whether a worker is among those that a request is for. */
export function isMeant({ destination, pattern }: Audience, worker: string): boolean {
  if (destination && !destination.includes(worker)) return false;
  return pattern === undefined || fitsGlob(pattern, worker);
}
