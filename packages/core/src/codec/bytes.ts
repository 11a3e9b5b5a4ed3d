/** Binary data as base64: Buffers under `$buffer`; ArrayBuffers and their views under `$bytes`. */
import { endianness } from 'node:os';
import { types } from 'node:util';
import type { JsonValue } from './json.js';
import { lineage } from './lineage.js';
import type { Trail } from './path.js';
import { rejectForm } from './refusal.js';

type NumberArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

interface NumberArrayClass {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): NumberArray;
}

/** The classes of typed arrays, all of which travel. */
export const numberArrays: readonly NumberArrayClass[] = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];
const classByName = new Map(numberArrays.map((one) => [one.name, one]));

const bigEndian = endianness() === 'BE';

/** The tagged form of binary data, or undefined when the value is none. */
export function encodeBytes(value: object): JsonValue | undefined {
  if (ArrayBuffer.isView(value)) {
    const depth = lineage(value);
    if (Buffer.isBuffer(value)) return depth === 4 ? { $buffer: toBase64(value, 1) } : undefined;
    if (types.isDataView(value)) {
      return depth === 2 ? { $bytes: ['DataView', toBase64(value, 1)] } : undefined;
    }
    const { [Symbol.toStringTag]: name, BYTES_PER_ELEMENT: size } = value as NumberArray;
    if (depth !== 3 || !classByName.has(name)) return undefined;
    return { $bytes: [name, toBase64(value, size)] };
  }
  if (types.isArrayBuffer(value) && lineage(value) === 2) {
    return { $bytes: ['ArrayBuffer', toBase64(new Uint8Array(value), 1)] };
  }
  return undefined;
}

/** The Buffer that a `$buffer` holds. */
export function decodeBuffer(payload: unknown, trail: Trail): Buffer {
  const bytes = fromBase64(payload);
  if (bytes === undefined) throw rejectForm(trail, '$buffer', 'base64', payload);
  return bytes;
}

/** The ArrayBuffer, DataView or typed array that a `$bytes` holds. */
export function decodeBytes(payload: unknown, trail: Trail): object {
  if (!Array.isArray(payload) || payload.length !== 2) {
    throw rejectForm(trail, '$bytes', 'a class name and base64', payload);
  }
  const [name, base64] = payload as readonly unknown[];
  const bytes = fromBase64(base64);
  if (bytes === undefined) throw rejectForm(trail, '$bytes', 'base64', base64);
  const buffer = bytes.buffer as ArrayBuffer;
  if (name === 'ArrayBuffer') return buffer;
  if (name === 'DataView') return new DataView(buffer);
  const found = typeof name === 'string' ? classByName.get(name) : undefined;
  if (found === undefined) {
    throw rejectForm(trail, '$bytes', 'the name of a typed array, ArrayBuffer or DataView', name);
  }
  const size = found.BYTES_PER_ELEMENT;
  if (bytes.length % size !== 0) {
    const must = `a multiple of ${size} bytes for a ${found.name}`;
    throw rejectForm(trail, '$bytes', must, bytes.length);
  }
  if (bigEndian) swap(bytes, size);
  return new found(buffer);
}

function toBase64(view: ArrayBufferView, size: number): string {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return (bigEndian && size > 1 ? swap(Buffer.from(bytes), size) : bytes).toString('base64');
}

/**
 * The bytes, alone in an ArrayBuffer of their own (`alloc` never takes a slice of the pool, which
 * would hand other data to whoever reads `.buffer`), or undefined when this is not base64.
 */
function fromBase64(text: unknown): Buffer | undefined {
  if (typeof text !== 'string' || text.length % 4 !== 0) return undefined;
  // Node skips what is not base64, so garbage shows as missing bytes. But it looks at the low
  // byte of each character only, so other scripts would pass: they are caught by their UTF-8 size.
  if (Buffer.byteLength(text) !== text.length) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = Buffer.alloc((text.length / 4) * 3 - padding);
  return bytes.write(text, 'base64') === bytes.length ? bytes : undefined;
}

function swap(bytes: Buffer, size: number): Buffer {
  if (size === 2) return bytes.swap16();
  if (size === 4) return bytes.swap32();
  return size === 8 ? bytes.swap64() : bytes;
}
