/** Parts a list by what its items have in common. */

/** The items by what `common` gives for each, in order. */
export function partBy<T, K>(items: Iterable<T>, common: (item: T) => K): Map<K, T[]> {
  const parts = new Map<K, T[]>();
  for (const item of items) {
    const key = common(item);
    const part = parts.get(key);
    if (part) part.push(item);
    else parts.set(key, [item]);
  }
  return parts;
}
