/** The tags of values that hold no others: dates, bigints, odd numbers, regexps, URLs, bytes. */
import { types } from 'node:util';
import { decodeBuffer, decodeBytes, encodeBytes } from './bytes.js';
import type { JsonValue } from './json.js';
import { lineage } from './lineage.js';
import type { Trail } from './path.js';
import { refuse, rejectForm } from './refusal.js';

/** Compiling a regexp costs by its length, so a message must not choose that freely. */
const maxRegexp = 10_000;

/** Parsing a bigint takes more than linear time: a million digits hold a process for 0.2 s. */
const maxDigits = 10_000;

const isoTime = /^([+-]\d{6}|\d{4})-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;
const digits = /^(0|-?[1-9]\d*)$/;
const oddNumbers = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  ['-0', -0],
]);

/** The number, or its tag when JSON has no word for it. */
export function encodeNumber(value: number): JsonValue {
  // `value - value` is 0 for finite numbers alone, and 1 / -0 is -Infinity.
  if (value - value === 0 && (value !== 0 || 1 / value > 0)) return value;
  return { $number: value === 0 ? '-0' : String(value) };
}

/** The tag of a bigint. */
export function encodeBigint(value: bigint, trail: Trail): JsonValue {
  // 2 ** 40_000 has more than 10,000 digits; asked first, since printing a huge one is slow.
  const text = BigInt.asIntN(40_000, value) === value ? String(value) : '';
  if (text === '' || text.length > maxDigits) {
    throw refuse(trail, `is a bigint of more than ${maxDigits} digits; send it as bytes`);
  }
  return { $bigint: text };
}

/** The tag of an object that holds no other value, or undefined when it is not one of those. */
export function encodeScalar(value: object, trail: Trail): JsonValue | undefined {
  if (types.isDate(value)) {
    if (lineage(value) !== 2) return undefined;
    return { $date: Number.isNaN(value.getTime()) ? null : value.toISOString() };
  }
  if (types.isRegExp(value)) {
    if (lineage(value) !== 2) return undefined;
    if (value.source.length <= maxRegexp) return { $regexp: [value.source, value.flags] };
    throw refuse(trail, `is a regexp of more than ${maxRegexp} characters`);
  }
  if (value instanceof URL && lineage(value) === 2) return { $url: value.href };
  return encodeBytes(value);
}

/** The value that a tag of this file stands for, or undefined when the tag is another's. */
export function decodeScalar(tag: string, payload: unknown, trail: Trail): unknown {
  switch (tag) {
    case '$date':
      return decodeDate(payload, trail);
    case '$bigint':
      return decodeBigint(payload, trail);
    case '$number':
      return decodeNumber(payload, trail);
    case '$buffer':
      return decodeBuffer(payload, trail);
    case '$bytes':
      return decodeBytes(payload, trail);
    case '$regexp':
      return decodeRegexp(payload, trail);
    case '$url':
      return decodeUrl(payload, trail);
    default:
      return undefined;
  }
}

function decodeDate(payload: unknown, trail: Trail): Date {
  if (payload === null) return new Date(NaN);
  const date = new Date(typeof payload === 'string' && isoTime.test(payload) ? payload : NaN);
  if (!Number.isNaN(date.getTime())) return date;
  throw rejectForm(trail, '$date', 'an ISO 8601 time with its zone, or null', payload);
}

function decodeBigint(payload: unknown, trail: Trail): bigint {
  if (typeof payload === 'string' && payload.length <= maxDigits && digits.test(payload)) {
    return BigInt(payload);
  }
  throw rejectForm(trail, '$bigint', `a string of at most ${maxDigits} digits`, payload);
}

function decodeNumber(payload: unknown, trail: Trail): number {
  const value = typeof payload === 'string' ? oddNumbers.get(payload) : undefined;
  if (value !== undefined) return value;
  throw rejectForm(trail, '$number', '"NaN", "Infinity", "-Infinity" or "-0"', payload);
}

function decodeRegexp(payload: unknown, trail: Trail): RegExp {
  const [source, flags] = Array.isArray(payload) ? (payload as readonly unknown[]) : [];
  const isPair = Array.isArray(payload) && payload.length === 2;
  if (!isPair || typeof source !== 'string' || typeof flags !== 'string') {
    throw rejectForm(trail, '$regexp', 'a source and its flags, both strings', payload);
  }
  if (source.length > maxRegexp) {
    throw rejectForm(trail, '$regexp', `at most ${maxRegexp} characters`, source.length);
  }
  try {
    return new RegExp(source, flags);
  } catch (cause) {
    throw rejectForm(trail, '$regexp', 'a valid regexp', `/${source}/${flags}`, cause);
  }
}

function decodeUrl(payload: unknown, trail: Trail): URL {
  try {
    if (typeof payload === 'string') return new URL(payload);
  } catch (cause) {
    throw rejectForm(trail, '$url', 'an absolute URL', payload, cause);
  }
  throw rejectForm(trail, '$url', 'an absolute URL', payload);
}
