/** Under which id a call is the only one of its kind. Pure. */
import { createHash } from 'node:crypto';
import { encode } from '../codec/index.js';
import { ConfigError } from '../errors.js';
import type { Uniqueness } from '../protocol/call-settings.js';
import type { Deduplication } from '../protocol/message.js';
import { checkKey } from './key.js';

/** A key that can be read in Redis as it is. */
const readable = /^[\w.@-]{1,100}$/;

/**
 * How BullMQ is to tell whether a call is a second one.
 *
 * @throws ConfigError when the key function throws or gives no text; EncodeError when the arguments,
 * of which the key is made by default, cannot travel
 */
export function deduplicationOf(
  name: string,
  args: readonly unknown[],
  { key, ttl }: Uniqueness,
): Deduplication {
  const own = key
    ? ownKey(name, key, args)
    : `=${hash(JSON.stringify(sorted(encode(args, 'args'))))}`;
  return { id: `${name}:${own}`, ...(ttl !== undefined && ttl > 0 && { ttl: Math.ceil(ttl) }) };
}

function ownKey(
  name: string,
  key: NonNullable<Uniqueness['key']>,
  args: readonly unknown[],
): string {
  let given: unknown;
  try {
    given = key(...args);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`task ${name}: unique.key threw: ${why}`, { cause });
  }
  const text = checkKey(name, 'unique.key', given);
  return readable.test(text) ? text : `#${hash(text)}`;
}

const hash = (text: string): string =>
  createHash('sha256').update(text).digest('base64url').slice(0, 27);

/** The same whatever the order in which an object's fields were written. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([name, one]) => [name, sorted(one)] as const);
  return Object.fromEntries(fields.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
