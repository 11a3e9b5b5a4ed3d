/** Many items or values as one JSON text: a list, or, where all are numbers, typed arrays. */
import { encode } from '../codec/index.js';
import { DecodeError } from '../errors.js';

/** A row with more numbers than this is written as a list. */
const mostColumns = 8;
/** Most characters that a number in a typed array takes: eight bytes as base64. */
const numberSize = 32 / 3;
/** How many numbers are looked at to tell how long all of them are. */
const sample = 32;
/** A prime, so that no pattern in the numbers is met. */
const stride = 7_919;

/**
 * Gathers items and writes them as a text.
 *
 * Numbers are kept by column, one column for single values and one for each argument of a list, and
 * travel as the smallest typed array that holds them exactly: half the size of JSON, and read five
 * times as fast. What is not a number turns the whole pack into a list.
 */
export class Packer {
  readonly #spread: boolean;
  #columns: number[][] | undefined = [];
  #texts: string[] = [];
  #size = 0;
  #count = 0;

  /** @param spread whether an item is a list of arguments */
  constructor(spread: boolean) {
    this.#spread = spread;
  }

  /** How many items it has. */
  get count(): number {
    return this.#count;
  }

  /** How many bytes its text will have, at most. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds an item, unless it has some and would grow beyond `limit` bytes.
   *
   * @returns whether it took the item
   * @throws EncodeError when the item cannot travel
   */
  add(item: unknown, limit: number): boolean {
    const width = this.#columns ? this.#widthOf(this.#columns, item) : 0;
    if (this.#columns && width > 0) {
      if (this.#count > 0 && this.#size + numberSize * width > limit) return false;
      this.#addNumbers(this.#columns, item, width);
      this.#count += 1;
      this.#size += numberSize * width;
      return true;
    }
    const text = JSON.stringify(encode(item, 'item'));
    const size = Buffer.byteLength(text) + 1;
    if (this.#count > 0 && this.#size + size > limit) return false;
    if (this.#columns) this.#spill(this.#columns);
    this.#texts.push(text);
    this.#count += 1;
    this.#size += size;
    return true;
  }

  /** How many numbers the item is, where it is as many as all before it; else 0. */
  #widthOf(columns: readonly number[][], item: unknown): number {
    if (!this.#spread) return typeof item === 'number' ? 1 : 0;
    if (!Array.isArray(item) || item.length > mostColumns) return 0;
    if (columns.length > 0 && columns.length !== item.length) return 0;
    for (let at = 0; at < item.length; at += 1) if (typeof item[at] !== 'number') return 0;
    return item.length;
  }

  #addNumbers(columns: number[][], item: unknown, width: number): void {
    while (columns.length < width) columns.push([]);
    if (!this.#spread) columns[0]?.push(item as number);
    else for (let at = 0; at < width; at += 1) columns[at]?.push((item as number[])[at] as number);
  }

  /** From now on it is a list. */
  #spill(columns: readonly number[][]): void {
    this.#columns = undefined;
    for (let at = 0; at < this.#count; at += 1) {
      const row = columns.map((column) => column[at]);
      this.#texts.push(JSON.stringify(encode(this.#spread ? row : row[0], 'item')));
    }
    this.#size = this.#texts.reduce((sum, { length }) => sum + length + 1, 0);
  }

  /** The text: of an object with `columns` or `list`. */
  text(): string {
    if (this.#columns && this.#count > 0)
      return `{"columns":${JSON.stringify(encode(this.#columns.map(narrowed), 'columns'))}}`;
    return `{"list":[${this.#texts.join(',')}]}`;
  }
}

/** The smallest array that holds the numbers exactly. */
function narrowed(numbers: readonly number[]): unknown {
  let least = 0;
  let most = 0;
  for (const one of numbers) {
    // Not so of a fraction, of NaN, of what is large, and of -0.
    const isWhole = (one | 0) === one && (one !== 0 || 1 / one > 0);
    if (!isWhole) return fractions(numbers);
    if (one < least) least = one;
    else if (one > most) most = one;
  }
  if (least >= -128 && most < 128) return Int8Array.from(numbers);
  if (least >= -32_768 && most < 32_768) return Int16Array.from(numbers);
  return Int32Array.from(numbers);
}

function fractions(numbers: readonly number[]): unknown {
  if (numbers.every((one) => Object.is(Math.fround(one), one))) return Float32Array.from(numbers);
  let length = 0;
  for (let look = 0; look < sample; look += 1)
    length += String(numbers[(look * stride) % numbers.length]).length + 1;
  // Short ones, such as 0.1, are shorter as they are.
  return length / sample < numberSize ? numbers : Float64Array.from(numbers);
}

/** What a pack holds. */
export interface Unpacked {
  readonly count: number;
  /** An item by its place. */
  at(index: number): unknown;
}

/**
 * Reads what a Packer wrote, decoded.
 *
 * @throws DecodeError when it is nothing that a Packer writes
 */
export function unpack(pack: unknown, spread: boolean): Unpacked {
  if (isRecord(pack)) {
    const { list, columns } = pack;
    if (Array.isArray(list)) return { count: list.length, at: (index) => list[index] as unknown };
    if (isColumns(columns)) return fromColumns(columns, spread);
  }
  throw new DecodeError('not a pack of items: it has neither "list" nor "columns" of one length');
}

function fromColumns(columns: readonly ArrayLike<number>[], spread: boolean): Unpacked {
  const [first] = columns as readonly [ArrayLike<number>];
  const count = first.length;
  if (!spread) return { count, at: (index) => first[index] };
  return { count, at: (index) => columns.map((column) => column[index]) };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

function isColumns(value: unknown): value is readonly ArrayLike<number>[] {
  if (!Array.isArray(value) || value.length === 0) return false;
  const lengths = value.map((column: unknown) =>
    Array.isArray(column) || ArrayBuffer.isView(column)
      ? (column as unknown as ArrayLike<number>).length
      : -1,
  );
  return lengths.every((length) => length >= 0 && length === lengths[0]);
}
