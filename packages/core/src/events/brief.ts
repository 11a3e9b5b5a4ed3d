/** Any value as a short text, for events and for people. Never costs more than what it shows. */
import { Encoded } from '../protocol/encoded.js';

/** What is left to write. */
interface Room {
  left: number;
}

/**
 * Gives a value as text of about `most` characters at the most, with `…` where something is left
 * out. It never throws: a value may have getters that do.
 */
export function brief(value: unknown, most = 200): string {
  try {
    return write(value, { left: most }, 0);
  } catch {
    // A getter or a proxy of the user's: what kind of value it is says enough.
    return `(${typeof value})`;
  }
}

/** The arguments of a call, as they stand between its parentheses. */
export function briefArgs(args: readonly unknown[], most = 200): string {
  const text = brief(args, most);
  return text.startsWith('[') ? text.slice(1, -1) : text;
}

const deepest = 4;

function write(value: unknown, room: Room, depth: number): string {
  switch (typeof value) {
    case 'string':
      return take(room, quoted(value, room.left));
    case 'number':
    case 'boolean':
    case 'undefined':
      return take(room, String(value));
    case 'bigint':
      return take(room, `${value}n`);
    case 'function':
      return take(room, `(function ${value.name})`);
    case 'symbol':
      return take(room, value.toString());
    case 'object':
      return value === null ? take(room, 'null') : writeObject(value, room, depth);
  }
}

const quoted = (text: string, left: number): string => JSON.stringify(shortened(text, left));

const shortened = (text: string, left: number): string =>
  text.length > left ? `${text.slice(0, Math.max(0, left))}…` : text;

function take(room: Room, text: string): string {
  room.left -= text.length;
  return text;
}

function writeObject(value: object, room: Room, depth: number): string {
  if (value instanceof Date)
    return take(room, Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString());
  if (value instanceof Error)
    return take(room, quoted(`${value.name}: ${value.message}`, room.left));
  if (ArrayBuffer.isView(value)) return take(room, `${nameOf(value)}(${value.byteLength} bytes)`);
  if (value instanceof Encoded) return take(room, shortened(value.text, room.left));
  if (depth >= deepest) return take(room, '…');
  if (Array.isArray(value)) return writeList('[', value as unknown[], ']', room, depth);
  if (value instanceof Set) return writeList('Set {', value, '}', room, depth);
  if (value instanceof Map) return writePairs('Map {', value, room, depth);
  const name = nameOf(value);
  const opening = name === 'Object' || name === '' ? '{' : `${name} {`;
  return writePairs(opening, pairsOf(value), room, depth);
}

function* pairsOf(value: object): Generator<[string, unknown]> {
  for (const key in value)
    if (Object.hasOwn(value, key)) yield [key, (value as Record<string, unknown>)[key]];
}

const nameOf = (value: object): string =>
  (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor?.name ??
  '';

function writeList(
  opening: string,
  items: Iterable<unknown>,
  closing: string,
  room: Room,
  depth: number,
): string {
  let text = take(room, opening);
  let first = true;
  for (const item of items) {
    if (!first) text += take(room, ', ');
    first = false;
    if (room.left <= 0) return `${text}…${closing}`;
    text += write(item, room, depth + 1);
  }
  return text + closing;
}

function writePairs(
  opening: string,
  pairs: Iterable<readonly [unknown, unknown]>,
  room: Room,
  depth: number,
): string {
  let text = take(room, opening);
  let first = true;
  for (const [key, value] of pairs) {
    if (!first) text += take(room, ', ');
    first = false;
    if (room.left <= 0) return `${text}…}`;
    text += take(
      room,
      `${typeof key === 'string' ? key.slice(0, 100) : write(key, room, depth + 1)}: `,
    );
    text += write(value, room, depth + 1);
  }
  return `${text}}`;
}
