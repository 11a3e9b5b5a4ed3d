/** Packs: whatever goes in comes out, numbers to the bit. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode } from '../codec/index.js';
import { Packer, unpack } from './pack.js';

function pack(items: readonly unknown[], spread: boolean): string {
  const packer = new Packer(spread);
  for (const item of items) packer.add(item, Infinity);
  expect(packer.count).toBe(items.length);
  const text = packer.text();
  expect(text.length).toBeLessThan(packer.size + 400);
  return text;
}

function through(items: readonly unknown[], spread = false): unknown[] {
  const unpacked = unpack(decode(JSON.parse(pack(items, spread)), 'items'), spread);
  return Array.from({ length: unpacked.count }, (_, at) => unpacked.at(at));
}

const numbers = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.float(),
  fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 127, 128, -128, -129, 32_768, 2 ** 31),
);

test('numbers of any kind come out exactly as they went in', () => {
  fc.assert(
    fc.property(fc.array(numbers), (items) => {
      const found = through(items);
      expect(found.length).toBe(items.length);
      for (const [at, item] of items.entries()) expect(Object.is(found[at], item)).toBe(true);
    }),
  );
});

test('so do numbers among other values, and lists of numbers of all lengths', () => {
  const value = fc.oneof(numbers, fc.string(), fc.constant(null), fc.constant(undefined));
  fc.assert(
    fc.property(fc.array(value), (items) => {
      expect(through(items)).toEqual(items);
    }),
  );
  const row = fc.array(fc.oneof({ weight: 9, arbitrary: numbers }, value), { maxLength: 10 });
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      expect(through(rows, true)).toEqual(rows);
    }),
  );
});

test('rows of numbers travel as columns, each as narrow as it can be', () => {
  const rows = Array.from({ length: 100 }, (_, at) => [at, at * 1_000, at / 3, at / 4]);
  const { columns } = JSON.parse(pack(rows, true)) as { columns: { $bytes: [string] }[] };
  expect(columns.map(({ $bytes: [kind] }) => kind)).toEqual([
    'Int8Array',
    'Int32Array',
    'Float64Array',
    'Float32Array',
  ]);
  expect(through(rows, true)).toEqual(rows);
});

test('short decimals stay as they are, which is shorter', () => {
  expect(pack([0.1, 0.2, 0.3], false)).toBe('{"columns":[[0.1,0.2,0.3]]}');
});

test('a pack is full before it grows beyond its limit, but takes one item of any size', () => {
  for (const item of ['x'.repeat(40), 5, [1, 2, 3]]) {
    const packer = new Packer(false);
    while (packer.add(item, 1_000));
    expect(packer.size).toBeLessThanOrEqual(1_000);
    expect(packer.size).toBeGreaterThan(900);
  }
  const packer = new Packer(false);
  expect(packer.add('x'.repeat(2_000), 1_000)).toBe(true);
  expect(packer.add(1, 1_000)).toBe(false);
});

test('an item that cannot travel is refused, and leaves the pack as it was', () => {
  const packer = new Packer(false);
  packer.add(1, Infinity);
  expect(() => packer.add(() => 1, Infinity)).toThrow(/item: is a function/);
  packer.add(2, Infinity);
  expect(packer.text()).toBe('{"columns":[{"$bytes":["Int8Array","AQI="]}]}');
});

test('what is no pack is refused', () => {
  for (const wrong of [null, 5, {}, { list: 5 }, { columns: [] }, { columns: [[1], []] }])
    expect(() => unpack(wrong, false)).toThrow(/not a pack of items/);
});
