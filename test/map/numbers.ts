/** Sources of items, some of which tell how far they were read. */

/** The numbers from 0 up to `count`. */
export function* range(count: number): Generator<number, void, undefined> {
  for (let at = 0; at < count; at += 1) yield at;
}

/** The same, from a source that has to be waited for. */
export async function* rangeLater(count: number): AsyncGenerator<number, void, undefined> {
  for (let at = 0; at < count; at += 1) {
    await Promise.resolve();
    yield at;
  }
}

/** The numbers from 0 up to `count`, counting how many were read and whether they were given back. */
export class Meter implements Iterable<number> {
  read = 0;
  closed = false;
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  *[Symbol.iterator](): Generator<number, void, undefined> {
    try {
      for (const at of range(this.#count)) {
        this.read += 1;
        yield at;
      }
    } finally {
      this.closed = true;
    }
  }
}

/** All that a stream gives. */
export async function gather<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of stream) all.push(one);
  return all;
}
