/** What becomes of a chunk, whatever its workers say in which order. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PayloadTooLargeError } from '../errors.js';
import type { ItemFailure, Reply } from './order.js';
import { type Attempt, firstAttempt, Part, type PartRules } from './part.js';

const rules: PartRules = { spread: false, reduces: false, collects: false, again: 0 };

const newPart = (count: number, more: Partial<PartRules> = {}): Part =>
  new Part(
    0,
    0,
    Array.from({ length: count }, (_, at) => at),
    { ...rules, ...more },
  );

/** What a worker says that doubles the items of a message, but for those that fail. */
function reply(part: Part, attempt: Attempt, done: number, failed: ItemFailure[]): Reply {
  const offsets = attempt.offsets ?? [...part.items.keys()];
  const bad = new Set(failed.map(({ at }) => at));
  const good = offsets.slice(0, done).filter((_, at) => !bad.has(at));
  const list = good.map((offset) => (part.items[offset] as number) * 2);
  return { done, ms: 1, values: { list }, failed };
}

test('a chunk that stops early and fails now and then ends with every value in its place', () => {
  const step = fc.record({ part: fc.double({ min: 0.01, max: 1, noNaN: true }), fails: fc.nat(5) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.array(step), (count, steps) => {
      const part = newPart(count);
      const open: Attempt[] = [firstAttempt];
      const paths = new Set<string>();
      for (let turn = 0; open.length > 0; turn += 1) {
        const attempt = open.splice(turn % open.length, 1)[0] as Attempt;
        expect(paths.has(attempt.path)).toBe(false);
        paths.add(attempt.path);
        const size = attempt.offsets?.length ?? count;
        const { part: share, fails } = steps[turn] ?? { part: 1, fails: 5 };
        const done = Math.max(1, Math.floor(size * share));
        const failed = Array.from({ length: done }, (_, at) => at)
          .filter((at) => turn < steps.length && at % 6 > fails)
          .map((at) => ({ at, error: 'no', wait: at }));
        open.push(...part.take(attempt, reply(part, attempt, done, failed), false));
      }
      expect(part.ended).toBe(true);
      expect(part.failures.size).toBe(0);
      for (let at = 0; at < count; at += 1) expect(part.value(at)).toBe(at * 2);
    }),
  );
});

test('which items go into which message rests on the reply alone, whatever the rules', () => {
  const failed = [
    { at: 0, error: 'for good' },
    { at: 2, error: 'for now', wait: 10 },
  ];
  const paths = (more: Partial<PartRules>, old: boolean): Record<string, unknown> => {
    const part = newPart(5, more);
    const next = part.take(firstAttempt, reply(part, firstAttempt, 4, failed), old);
    return Object.fromEntries(next.map(({ path, offsets }) => [path, offsets]));
  };
  expect(paths({}, false)).toEqual({ r: [4], f: [2] });
  expect(paths({ again: 3 }, false)).toEqual({ r: [4], f: [2], g: [0] });
  expect(paths({}, true)).toEqual({ r: [4], f: [2], g: [0] });
  expect(paths({ collects: true }, true)).toEqual({ r: [4], f: [2] });
});

test('a message whose values are too large together is parted, down to one item', () => {
  const part = newPart(3);
  const error = new PayloadTooLargeError('too large');
  const halves = part.lose(firstAttempt, error, false);
  expect(halves.map(({ path, offsets }) => [path, offsets])).toEqual([
    ['a', [0, 1]],
    ['b', [2]],
  ]);
  expect(part.lose(halves[1] as Attempt, error, false)).toEqual([]);
  expect(part.failures.get(2)).toBe(error);
});

test('a message that is lost fails its items, when it was sent again as often as it may', () => {
  const part = newPart(2, { again: 1 });
  const [second] = part.lose(firstAttempt, 'lost', false);
  expect(second).toMatchObject({ path: 'x', again: 1, offsets: undefined });
  expect(part.lose(second as Attempt, 'lost', false)).toEqual([]);
  expect([...part.failures.keys()]).toEqual([0, 1]);
  expect(part.ended).toBe(true);
});

test('values that are reduced stand in the order of their items', () => {
  const part = newPart(6, { reduces: true });
  const say = (attempt: Attempt, done: number, value: string, failed: ItemFailure[] = []) =>
    part.take(attempt, { done, ms: 1, values: { list: value ? [value] : [] }, failed }, false);
  const [rest, again] = say(firstAttempt, 3, '01', [{ at: 2, error: 'no', wait: 0 }]);
  expect(rest).toMatchObject({ offsets: [3, 4, 5] });
  expect(say(rest as Attempt, 3, '345')).toEqual([]);
  expect(part.ended).toBe(false);
  expect(say(again as Attempt, 1, '2')).toEqual([]);
  expect(part.ended).toBe(true);
  expect(part.totals()).toEqual(['01', '2', '345']);
});

test('a reply that does not fit its message is refused', () => {
  const part = newPart(3);
  const wrong =
    (done: number, list: unknown[], failed: ItemFailure[] = []) =>
    () =>
      part.take(firstAttempt, { done, ms: 1, values: { list }, failed }, false);
  expect(wrong(3, [1, 2])).toThrow(/gave 2 values for 3 of 3 items/);
  expect(wrong(0, [])).toThrow(/for 0 of 3 items/);
  expect(
    wrong(
      1,
      [],
      [
        { at: 0, error: 1 },
        { at: 1, error: 2 },
      ],
    ),
  ).toThrow(/gave 0 values/);
});
