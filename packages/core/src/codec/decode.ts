/** Turns a tree that `encode` made, read back from JSON, into the value that it stands for. */
import { DecodeError } from '../errors.js';
import { type HandleMaker, isForm, ReadHandle } from './handle.js';
import { type ErrorParts, reviveError } from './error.js';
import { put, tagOf } from './json.js';
import { type Step, startTrail, type Trail } from './path.js';
import { excerpt, reject, rejectForm } from './refusal.js';
import { decodeScalar } from './scalar.js';

/**
 * Turns a parsed JSON tree into the value that it stands for.
 *
 * The tree itself is never changed; parts of it that hold no tag are returned as they are. Nothing
 * in a tree can name a class or a function to run, and a `__proto__` key stays an ordinary key.
 *
 * @param value - a tree from `JSON.parse`
 * @param path - what the value is called in errors, such as `args` or `result`
 * @param limit - how many levels of containers it may have; 500 unless others were put around it
 * @param handles - makes handles of tasks; without it they are known by their ids alone
 * @throws DecodeError when a tag is unknown, holds something else than it must, or the tree has
 * more levels than that. The message begins with the path to it.
 *
 * @example
 * ```ts
 * decode(JSON.parse('[{"$date":"1970-01-01T00:00:00.000Z"}]'), 'args'); // [new Date(0)]
 * ```
 */
export function decode(
  value: unknown,
  path: string,
  limit?: number,
  handles?: HandleMaker,
): unknown {
  const trail = startTrail(path, limit, handles);
  try {
    return decodeValue(value, trail);
  } catch (error) {
    throw error instanceof DecodeError ? error : reject(trail, 'cannot be read', error);
  }
}

function decodeValue(value: unknown, trail: Trail): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'number':
      return value;
    case 'object':
      if (value === null) return null;
      return Array.isArray(value)
        ? decodeArray(value, trail)
        : decodeObject(value as Record<string, unknown>, trail);
    default:
      throw reject(trail, `is ${excerpt(value)}, which no JSON holds; give what JSON.parse gave`);
  }
}

function decodeArray(array: readonly unknown[], trail: Trail): unknown[] {
  enter(trail);
  let copy: unknown[] | undefined;
  for (let index = 0; index < array.length; index++) {
    trail.steps[trail.depth - 1] = index;
    const item = array[index];
    const decoded = decodeValue(item, trail);
    // A decoded NaN differs from everything, but its tag differed from it anyway.
    if (decoded !== item) (copy ??= array.slice())[index] = decoded;
  }
  trail.depth--;
  return copy ?? (array as unknown[]);
}

function decodeObject(object: Record<string, unknown>, trail: Trail): unknown {
  const keys = Object.keys(object);
  const tag = tagOf(keys);
  return tag === undefined ? decodePlain(object, keys, trail) : decodeTag(tag, object[tag], trail);
}

function decodePlain(object: Record<string, unknown>, keys: string[], trail: Trail): object {
  enter(trail);
  const decoded = decodeValues(object, keys, trail);
  trail.depth--;
  return decoded;
}

/** Decodes the values of an object that is open already. */
function decodeValues(object: Record<string, unknown>, keys: string[], trail: Trail): object {
  let copy: object | undefined;
  for (const key of keys) {
    trail.steps[trail.depth - 1] = key;
    const value = object[key];
    const decoded = decodeValue(value, trail);
    if (decoded !== value) put((copy ??= { ...object }), key, decoded);
  }
  return copy ?? object;
}

function decodeTag(tag: string, payload: unknown, trail: Trail): unknown {
  switch (tag) {
    case '$escape':
      return decodeEscape(payload, trail);
    case '$undefined':
      if (payload === true) return undefined;
      throw rejectForm(trail, tag, 'true', payload);
    case '$map':
      return decodeMap(payload, trail);
    case '$set':
      return decodeSet(payload, trail);
    case '$error':
      return decodeError(payload, trail);
    case '$result':
      return decodeHandle(payload, trail);
    default: {
      const scalar = decodeScalar(tag, payload, trail);
      if (scalar !== undefined) return scalar;
      throw reject(trail, `has the tag ${excerpt(tag)}, which dtask does not know`);
    }
  }
}

/** A user's own object whose single key looks like a tag. */
function decodeEscape(payload: unknown, trail: Trail): object {
  if (isRecord(payload)) {
    const keys = Object.keys(payload);
    if (tagOf(keys) !== undefined) return decodePlain(payload, keys, trail);
  }
  throw rejectForm(trail, '$escape', 'an object with one key that begins with $', payload);
}

function decodeMap(payload: unknown, trail: Trail): Map<unknown, unknown> {
  if (!Array.isArray(payload)) throw rejectForm(trail, '$map', 'an array of pairs', payload);
  enter(trail);
  const map = new Map<unknown, unknown>();
  for (const [index, entry] of (payload as readonly unknown[]).entries()) {
    trail.steps[trail.depth - 1] = { kind: 'map key', index };
    if (!Array.isArray(entry) || entry.length !== 2) {
      throw rejectForm(trail, '$map', 'pairs of a key and a value', entry);
    }
    const key = decodeValue(entry[0], trail);
    map.set(key, decodeAt(trail, { kind: 'map value', index }, entry[1]));
  }
  trail.depth--;
  return map;
}

function decodeSet(payload: unknown, trail: Trail): Set<unknown> {
  if (!Array.isArray(payload)) throw rejectForm(trail, '$set', 'an array', payload);
  enter(trail);
  const set = new Set<unknown>();
  for (const [index, item] of (payload as readonly unknown[]).entries()) {
    set.add(decodeAt(trail, { kind: 'set item', index }, item));
  }
  trail.depth--;
  return set;
}

function decodeError(payload: unknown, trail: Trail): Error {
  if (!isRecord(payload)) throw rejectForm(trail, '$error', 'an object', payload);
  const { name, message, stack, cause, code, errors, props, ...others } = payload;
  const other = Object.keys(others)[0];
  if (other !== undefined) throw rejectForm(trail, '$error', 'no other key', other);
  const parts: ErrorParts = {
    name: mustBe(trail, 'a string as its name', name, isString),
    message: mustBe(trail, 'a string as its message', message, isString),
  };
  if (stack !== undefined) parts.stack = mustBe(trail, 'a string as its stack', stack, isString);
  if (code !== undefined) {
    parts.code = mustBe(trail, 'a string or a number as its code', code, isCode);
  }
  enter(trail);
  if (cause !== undefined) parts.cause = decodeAt(trail, 'cause', cause);
  if (errors !== undefined) {
    const list = mustBe(trail, 'an array as its errors', errors, isArray);
    parts.errors = decodeAt(trail, 'errors', list) as unknown[];
  }
  if (props !== undefined) {
    // Their place says that these are properties, so even a single `$key` here is no tag.
    const record = mustBe(trail, 'an object as its props', props, isRecord);
    parts.props = decodeValues(record, Object.keys(record), trail) as Record<string, unknown>;
  }
  trail.depth--;
  return reviveError(parts);
}

function decodeHandle(payload: unknown, trail: Trail): unknown {
  if (!isForm(payload))
    throw rejectForm(trail, '$result', "a task's id, or a group's with its parts", payload);
  return trail.handles ? trail.handles(payload) : new ReadHandle(payload);
}

function mustBe<T>(
  trail: Trail,
  must: string,
  value: unknown,
  is: (value: unknown) => value is T,
): T {
  if (is(value)) return value;
  throw rejectForm(trail, '$error', must, value);
}

function decodeAt(trail: Trail, step: Step, value: unknown): unknown {
  trail.steps[trail.depth - 1] = step;
  return decodeValue(value, trail);
}

function enter(trail: Trail): void {
  if (trail.depth >= trail.limit) {
    throw reject(trail, `is nested deeper than ${trail.limit} levels`);
  }
  trail.steps[trail.depth++] = undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isCode(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}

function isArray(value: unknown): value is unknown[] {
  return Array.isArray(value);
}
