/** Turns a value into a tree of readable JSON that keeps what JSON alone would lose. */
import { types } from 'node:util';
import { EncodeError } from '../errors.js';
import { codeOf, errorsOf, isError, nameOf, propsOf } from './error.js';
import { type Handle, handleForm, isHandle } from './handle.js';
import { type JsonValue, put, tagOf } from './json.js';
import { isPlain, lineage } from './lineage.js';
import { formatPath, type Step, startTrail, type Trail } from './path.js';
import { refuse, refuseUnreadable, refuseValue } from './refusal.js';
import { encodeBigint, encodeNumber, encodeScalar } from './scalar.js';

/**
 * Turns a value into a JSON tree that `decode` turns back into an equal value.
 *
 * What is plain JSON already is returned as it is, the same object, not copied. The rest becomes
 * tagged objects with one key: `{ "$date": "2020-01-01T00:00:00.000Z" }`. Kept are Dates, Maps,
 * Sets, bigints, undefined, NaN, -0, infinities, Buffers, typed arrays, regexps, URLs and errors.
 * Handles on tasks (AsyncResult, GroupResult, and what `delay()` gives) travel as their ids.
 *
 * Some things change on the way: holes in arrays become undefined; an object that is referred to
 * twice arrives as two; a null prototype becomes an ordinary one; getters arrive as the value they
 * had; a regexp's `lastIndex`, and names added to an array or a Map, are left behind.
 *
 * @param value - what to send
 * @param path - what the value is called in errors, such as `args` or `result`
 * @param limit - how many levels of containers it may have; 500 unless it will be put into others
 * @throws EncodeError when something in it cannot travel: a function, a cycle, an instance of a
 * class, more than 500 levels. The message begins with the path to it.
 *
 * @example
 * ```ts
 * JSON.stringify(encode([new Date(0), 1n], 'args'));
 * // [{"$date":"1970-01-01T00:00:00.000Z"},{"$bigint":"1"}]
 * ```
 */
export function encode(value: unknown, path: string, limit?: number): JsonValue {
  const trail = startTrail(path, limit);
  try {
    return encodeValue(value, trail);
  } catch (error) {
    throw error instanceof EncodeError ? error : refuseUnreadable(trail, error);
  }
}

function encodeValue(value: unknown, trail: Trail): JsonValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return encodeNumber(value);
    case 'undefined':
      return { $undefined: true };
    case 'bigint':
      return encodeBigint(value, trail);
    case 'object':
      return value === null ? null : encodeObject(value, trail);
    default:
      throw refuseValue(trail, value);
  }
}

function encodeObject(value: object, trail: Trail): JsonValue {
  if (Array.isArray(value)) {
    // The first test is the quick one; the second lets arrays of other realms pass.
    if (Object.getPrototypeOf(value) === Array.prototype || lineage(value) === 2) {
      return encodeArray(value, trail);
    }
    throw refuseValue(trail, value);
  }
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (isPlain(prototype)) return encodePlain(value as Record<string, unknown>, trail);
  const scalar = encodeScalar(value, trail);
  if (scalar !== undefined) return scalar;
  if (types.isMap(value) && lineage(value) === 2) return encodeMap(value, trail);
  if (types.isSet(value) && lineage(value) === 2) return encodeSet(value, trail);
  if (isError(value)) return encodeErrorObject(value, trail);
  if (isHandle(value)) return { $result: formOf(value, trail) };
  throw refuseValue(trail, value);
}

/** A handle may not know yet what it is known by. */
function formOf(value: Handle, trail: Trail): JsonValue {
  try {
    return value[handleForm];
  } catch (error) {
    throw refuse(trail, error instanceof Error ? error.message : String(error), error);
  }
}

function encodeArray(array: readonly unknown[], trail: Trail): JsonValue {
  enter(trail, array);
  let copy: unknown[] | undefined;
  for (let index = 0; index < array.length; index++) {
    trail.steps[trail.depth - 1] = index;
    const item = array[index];
    const encoded = encodeValue(item, trail);
    if (encoded !== item) (copy ??= array.slice())[index] = encoded;
  }
  trail.depth--;
  return (copy ?? array) as JsonValue;
}

function encodePlain(object: Record<string, unknown>, trail: Trail): JsonValue {
  refuseSymbolKeys(object, trail);
  const keys = Object.keys(object);
  enter(trail, object);
  let copy: object | undefined;
  for (const key of keys) {
    trail.steps[trail.depth - 1] = key;
    const value = object[key];
    const encoded = encodeValue(value, trail);
    if (encoded !== value) put((copy ??= { ...object }), key, encoded);
  }
  trail.depth--;
  const tree = (copy ?? object) as JsonValue;
  return tagOf(keys) === undefined ? tree : { $escape: tree };
}

function encodeMap(map: ReadonlyMap<unknown, unknown>, trail: Trail): JsonValue {
  enter(trail, map);
  const entries: JsonValue[] = [];
  for (const [key, value] of map) {
    const index = entries.length;
    entries.push([
      encodeAt(trail, { kind: 'map key', index }, key),
      encodeAt(trail, { kind: 'map value', index }, value),
    ]);
  }
  trail.depth--;
  return { $map: entries };
}

function encodeSet(set: ReadonlySet<unknown>, trail: Trail): JsonValue {
  enter(trail, set);
  const items: JsonValue[] = [];
  for (const item of set) {
    items.push(encodeAt(trail, { kind: 'set item', index: items.length }, item));
  }
  trail.depth--;
  return { $set: items };
}

function encodeErrorObject(error: Error, trail: Trail): JsonValue {
  enter(trail, error);
  const parts: Record<string, JsonValue> = {
    name: String(nameOf(error)),
    message: String(error.message),
  };
  if (typeof error.stack === 'string') parts['stack'] = error.stack;
  const code = codeOf(error);
  if (code !== undefined) parts['code'] = code;
  if (Object.hasOwn(error, 'cause')) parts['cause'] = encodeAt(trail, 'cause', error.cause);
  const errors = errorsOf(error);
  if (errors) parts['errors'] = encodeAt(trail, 'errors', errors);
  const keys = propsOf(error);
  if (keys.length > 0) {
    const values = error as unknown as Record<string, unknown>;
    parts['props'] = Object.fromEntries(
      keys.map((key) => [key, encodeAt(trail, key, values[key])]),
    );
  }
  trail.depth--;
  return { $error: parts };
}

function encodeAt(trail: Trail, step: Step, value: unknown): JsonValue {
  trail.steps[trail.depth - 1] = step;
  return encodeValue(value, trail);
}

/** Opens a container. Ancestors are few, so looking through them is cheaper than keeping a Set. */
function enter(trail: Trail, container: object): void {
  for (let depth = 0; depth < trail.depth; depth++) {
    if (trail.open[depth] === container) {
      throw refuse(trail, `is a cycle back to ${formatPath(trail, depth)}`);
    }
  }
  if (trail.depth >= trail.limit) {
    throw refuse(trail, `is nested deeper than ${trail.limit} levels`);
  }
  trail.steps[trail.depth] = undefined;
  trail.open[trail.depth++] = container;
}

function refuseSymbolKeys(object: object, trail: Trail): void {
  const symbols = Object.getOwnPropertySymbols(object);
  if (symbols.length === 0) return;
  // Those that are not enumerable are marks of libraries, and are left behind like other such keys.
  const symbol = symbols.find((one) => Object.prototype.propertyIsEnumerable.call(object, one));
  if (symbol === undefined) return;
  throw refuse(
    trail,
    `has the key ${String(symbol)}, which cannot travel as JSON; use a string as the key`,
  );
}
