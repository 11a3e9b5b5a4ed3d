import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdRuns, idSeries, idsIn } from './id-run.js';

const runsOf = (ids: readonly string[]): IdRuns => {
  const runs = new IdRuns();
  for (const id of ids) runs.add(id);
  return runs;
};

const uuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

describe('ids in a row', () => {
  it('are UUIDs of which none comes twice', () => {
    const draw = idSeries();
    const ids = Array.from({ length: 1_000 }, draw);
    expect(new Set(ids).size).toBe(1_000);
    for (const id of ids) expect(id).toMatch(uuid);
  });

  it('are one run, also over the end of their digits', () => {
    const first = 'a3b1c2d4-0000-4000-8000-0000fffffffe';
    const ids = idsIn([[first, 4]]);
    expect(ids.map((id) => id.slice(-9))).toEqual([
      '0fffffffe',
      '0ffffffff',
      '000000000',
      '000000001',
    ]);
    expect(runsOf(ids).runs).toEqual([[first, 4]]);
  });

  it('may be made of another id', () => {
    expect(runsOf(['tick~1', 'tick~2', 'tick~9', 'tick']).runs).toEqual([
      ['tick~1', 2],
      ['tick~9', 1],
      ['tick', 1],
    ]);
    expect(idsIn([['group-0', 3]])).toEqual(['group-0', 'group-1', 'group-2']);
  });

  it('give back every id, whatever ids they are', () => {
    const own = fc.oneof(
      fc.string({ minLength: 1, maxLength: 12 }),
      fc.integer({ min: 0, max: 40 }).map((n) => `job~${n}`),
      fc.integer({ min: 0, max: 40 }).map((n) => `part-${n}`),
      fc.constantFrom('a~01', 'a~1', 'a-', '~', 'job~999999999', 'job~1000000000'),
      fc.integer({ min: 0, max: 40 }).map((n) => {
        const [id] = idsIn([['1f0c6b1e-9f5e-4d2a-8a53-0a5fffffffe0', 60]]).slice(n);
        return id ?? randomUUID();
      }),
    );
    fc.assert(
      fc.property(fc.array(own, { maxLength: 60 }), (ids) => {
        const { runs, length } = runsOf(ids);
        expect(length).toBe(runs.length);
        const back = idsIn(runs);
        for (const id of ids) expect(back).toContain(id);
        expect(back.length).toBeLessThanOrEqual(4 * ids.length + 4);
        expect(new IdRuns(runs).runs).toEqual(runs);
      }),
    );
  });
});
