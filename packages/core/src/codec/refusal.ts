/** The sentences that say why a value was refused, where it is, and what to send in its place. */
import { types } from 'node:util';
import { DecodeError, EncodeError } from '../errors.js';
import { formatPath, type Trail } from './path.js';

/** Strings in messages are cut here: a message is read in a terminal. */
const maxExcerpt = 60;

/** An EncodeError at the place where the trail stands. */
export function refuse(trail: Trail, what: string, cause?: unknown): EncodeError {
  return new EncodeError(`${formatPath(trail)}: ${what}`, cause === undefined ? {} : { cause });
}

/** The EncodeError for a value that no JSON can stand for. */
export function refuseValue(trail: Trail, value: unknown): EncodeError {
  const kind = describe(value);
  if (kind === 'a function' || kind === 'a symbol') {
    const way = trail.root === 'result' ? 'sent back by a worker' : 'sent to a worker';
    return refuse(trail, `is ${kind}, which cannot be ${way}; send plain data instead`);
  }
  if (kind === 'a Promise') return refuse(trail, 'is a Promise; await it first');
  if (kind === 'a generator')
    return refuse(trail, 'is a generator, which cannot travel; send an array of its values');
  return refuse(trail, `is ${kind}, which cannot travel as JSON; send a plain object, or its id`);
}

/** The EncodeError for a value whose getter, Proxy or conversion threw. */
export function refuseUnreadable(trail: Trail, cause: unknown): EncodeError {
  return refuse(trail, 'cannot be read, because reading it threw an error', cause);
}

/** A DecodeError at the place where the trail stands. */
export function reject(trail: Trail, what: string, cause?: unknown): DecodeError {
  return new DecodeError(`${formatPath(trail)}: ${what}`, cause === undefined ? {} : { cause });
}

/** The DecodeError for a tag that holds something else than it must. */
export function rejectForm(
  trail: Trail,
  tag: string,
  must: string,
  got: unknown,
  cause?: unknown,
): DecodeError {
  return reject(trail, `${tag} must hold ${must}, got ${excerpt(got)}`, cause);
}

/** What a value that cannot travel is, with its article: `an instance of User`. Never throws. */
export function describe(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (types.isPromise(value)) return 'a Promise';
  if (types.isGeneratorObject(value)) return 'a generator';
  return `an instance of ${className(value) ?? 'an unnamed class'}`;
}

function className(value: unknown): string | undefined {
  try {
    const { name } = (value as object).constructor;
    return typeof name === 'string' && name !== '' ? shorten(name) : undefined;
  } catch {
    // A revoked Proxy, or an object whose `constructor` is not one: it has no name to tell.
    return undefined;
  }
}

/** A short form of a decoded value. It never looks inside containers, which may be huge or deep. */
export function excerpt(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value));
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value !== 'object' || value === null) return shorten(String(value));
  const keys = Object.keys(value);
  const shown = keys.slice(0, 3).map((key) => JSON.stringify(shorten(key)));
  if (keys.length > 3) shown.push('…');
  return keys.length === 0 ? 'an empty object' : `an object of ${shown.join(', ')}`;
}

function shorten(text: string): string {
  return text.length <= maxExcerpt ? text : `${text.slice(0, maxExcerpt)}…`;
}
