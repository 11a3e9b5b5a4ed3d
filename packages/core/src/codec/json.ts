/** A tree that `JSON.stringify` writes and `JSON.parse` reads back without loss. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * The name of the tag, such as `$date`, when these are the keys of a tagged object.
 *
 * One key alone, and it begins with `$`: so `{ $gt: 1, $lt: 9 }` and `{ $ref: 1, a: 2 }` are plain.
 */
export function tagOf(keys: readonly string[]): string | undefined {
  const first = keys[0];
  return keys.length === 1 && first !== undefined && first.charCodeAt(0) === 36 ? first : undefined;
}

/** Sets an own property, even one named `__proto__`, which assignment would take for the parent. */
export function put(target: object, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  } else {
    (target as Record<string, unknown>)[key] = value;
  }
}
