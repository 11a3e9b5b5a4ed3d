/** Asks several servers at once, each for what it has. */
import type { Redis } from 'ioredis';
import type { Place } from './ask.js';

/**
 * Asks for something of each item where it is: one request for all items of a place.
 *
 * @param what opens the error's message, as with `ask`
 * @param commands gives one reply for each item
 * @returns the replies, in the order of the items
 */
export async function forEachPlace<T, R>(
  items: readonly T[],
  placeOf: (item: T) => Place,
  what: string,
  commands: (connection: Redis, place: Place, items: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const parts = new Map<Place, number[]>();
  for (const [index, item] of items.entries()) {
    const place = placeOf(item);
    const part = parts.get(place);
    if (part) part.push(index);
    else parts.set(place, [index]);
  }
  const replies: R[] = [];
  replies.length = items.length;
  await Promise.all(
    [...parts].map(async ([place, indexes]) => {
      const some = indexes.map((index) => items[index] as T);
      const found = await place.ask(what, (connection) => commands(connection, place, some));
      for (const [at, index] of indexes.entries()) replies[index] = found[at] as R;
    }),
  );
  return replies;
}
