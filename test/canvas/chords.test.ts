/** Chords on two worker processes: the rows of Celery's own suite on them, and what their headers may hold. */
import { chain, chord, group, type GroupResult } from 'dtask';
import { describe, expect, it } from 'vitest';
import { until } from '../support/until.js';
import {
  add,
  addChordToChord,
  addPartsToChord,
  addReplaced,
  addToAll,
  concat,
  concatToAll,
  gated,
  identity,
  ids,
  ignore,
  replacedByChain,
  retryWithMore,
  stumble,
  sum,
} from './tasks.js';
import { soon, troupe } from './troupe.js';

const upTo = (n: number): number[] => [...Array(n).keys()];

describe('a chord', () => {
  it('31: of chords takes members that are replaced', async () => {
    const canvas = chord(
      [
        chord([add.s(1, 2), addReplaced.s(3, 4)], addToAll.s(5)).pipe(sum.s()),
        chord([addReplaced.s(6, 7), add.s(0, 0)], addToAll.s(8)).pipe(sum.s()),
      ],
      addToAll.s(9),
    );
    expect(await canvas.delay().get(soon)).toEqual([29, 38]);
  });

  it('33: is what a chain makes of a group and a task behind it, also when arguments come late', async () => {
    const header = group(upTo(4).map((i) => add.s(i)));
    const canvas = chain(add.s(2, 2), header, addToAll.s(8));
    expect(await canvas.delay().get(soon)).toEqual([12, 13, 14, 15]);
    // Celery's keyword argument z = 1 has no counterpart: what the group adds stands in its place.
    const more = group(upTo(4).map((i) => add.s(i + 1)));
    expect(await chain(add.s(2, 2), more, addToAll.s(8)).delay().get(soon)).toEqual([
      13, 14, 15, 16,
    ]);
    const open = chain(header, addToAll.s(8));
    expect(await open.delay(4).get(soon)).toEqual([12, 13, 14, 15]);
    expect(await open.applyAsync([5]).get(soon)).toEqual([13, 14, 15, 16]);
  });

  it('35: keeps each list of the chords in it, four deep', async () => {
    const wide = chord(
      [chord([add.s(1, 2), add.s(3, 4)], concat.s([5])), chord([add.s(6, 7)], concat.s([10]))],
      concatToAll.s(['A']),
    );
    expect(await wide.delay().get(soon)).toEqual([
      [3, 7, 5, 'A'],
      [13, 10, 'A'],
    ]);
    const piped = group(
      group(add.s(1, 2), add.s(3, 4)).pipe(concat.s([5])),
      group(add.s(6, 7)).pipe(concat.s([10])),
    ).pipe(concatToAll.s(['A']));
    expect(await piped.delay().get(soon)).toEqual([
      [3, 7, 5, 'A'],
      [13, 10, 'A'],
    ]);
    const first = chord([add.s(1, 2)], concat.s([3]));
    const third = chord([chord([first], concat.s([4]))], concat.s([5]));
    const deep = chord([third], concat.s([6]));
    expect(await deep.delay().get(soon)).toEqual([[[[3, 3], 4], 5], 6]);
  });

  it('37: runs beside others, and behind chains that end with chords', async () => {
    const ten = chord(group(add.s(1, 2), add.s(3, 4)), sum.s());
    expect(await group(ten, ten).delay().get(soon)).toEqual([10, 10]);

    const branch = chain(add.si(1, 2), chord([add.si(1, 2), add.si(1, 2)], add.si(1, 2)));
    expect(await chord([branch, branch], add.si(2, 2)).delay().get(soon)).toBe(4);
  });

  it('39: at the head of a chain gives the arguments of the chain to each task of its header', async () => {
    const canvas = chain(chord([identity.s(), identity.s()], identity.s()), identity.s());
    expect(await canvas.applyAsync([1]).get(soon)).toEqual([1, 1]);
    expect(await canvas.apply(1).get()).toEqual([1, 1]);

    const nested = chain(chain(identity.s(), identity.s()));
    expect(await nested.applyAsync([1]).get(soon)).toBe(1);
    expect(await nested.apply(1).get()).toBe(1);
  });

  it('41: takes a header of a thousand, also behind a task', async () => {
    const numbers = chord(
      upTo(1_000).map((i) => add.si(i, 0)),
      sum.s(),
    );
    expect(await numbers.delay().get(soon)).toBe(499_500);
    const ones = chain(add.si(1, 0), group(upTo(1_000).map(() => add.s(0))), sum.s());
    expect(await ones.delay().get(soon)).toBe(1_000);
  });

  it('43: gives the same when a member of its header, or any part of its body, is replaced by a chain', async () => {
    const same = identity.s();
    const headers = [
      [replacedByChain.s(42)],
      [replacedByChain.s(42), identity.s(1_337)],
      [identity.s(42), replacedByChain.s(1_337), identity.s(31_337)],
      [identity.s(42), identity.s(1_337), replacedByChain.s(31_337)],
    ];
    const bodies = [
      replacedByChain.s(),
      chain(replacedByChain.s(), same),
      chain(same, replacedByChain.s(), same),
      chain(same, replacedByChain.s()),
    ];
    const canvases = [
      ...headers.map((header) => chord(header, same)),
      ...bodies.map((body) => chord([identity.s(42)], body)),
    ];
    expect(await Promise.all(canvases.map((canvas) => canvas.delay().get(soon)))).toEqual([
      [42],
      [42, 1_337],
      [42, 1_337, 31_337],
      [42, 1_337, 31_337],
      [42],
      [42],
      [42],
      [42],
    ]);
  });
});

describe('the header of a chord', () => {
  it('gives undefined for a member that is ignored, be it the first to end or the last', async () => {
    const first = chord([gated.s('ignored-1', 1), ignore.s(), identity.s(3)], identity.s());
    const last = chord(
      [identity.s(1), chain(gated.s('ignored-2', 2), ignore.s()), identity.s(3)],
      identity.s(),
    );
    for (const [canvas, mark] of [
      [first, 'ignored-1'],
      [last, 'ignored-2'],
    ] as const) {
      const result = await canvas.delay();
      await troupe.trace.started(mark);
      await troupe.quiet(1);
      troupe.trace.open(mark);
      expect(await result.get(soon)).toEqual([1, undefined, 3]);
    }
  });

  it('gives a list of one for one member, and an empty list for none', async () => {
    expect(
      await chord([add.s(2, 5)], addToAll.s(9))
        .delay()
        .get(soon),
    ).toEqual([16]);
    expect(await chord([], addToAll.s(9)).delay().get(soon)).toEqual([]);
    expect(await group([]).pipe(addToAll.s(9)).delay().get(soon)).toEqual([]);
  });

  it('may have a group in it, whose members are its own, and a chain, whose list is one value', async () => {
    const unrolled = chord([group(identity.s(42), identity.s(42))], identity.s());
    expect(await unrolled.delay().get(soon)).toEqual([42, 42]);
    const kept = chord([chain(identity.s(42), group(identity.s(), identity.s()))], identity.s());
    expect(await kept.delay().get(soon)).toEqual([[42, 42]]);
  });

  it('gives its values in order, whichever member ends first', async () => {
    const marks = ['first', 'second', 'third'];
    const result = await chord(
      marks.map((mark) => gated.s(mark, marks.indexOf(mark))),
      identity.s(),
    ).delay();
    const { results } = result.parent as GroupResult;
    for (const at of [2, 0, 1]) {
      troupe.trace.open(marks[at]!);
      expect(await results[at]!.get(soon)).toBe(at);
    }
    expect(await result.get(soon)).toEqual([0, 1, 2]);
  });

  it('waits for a member that is retried', async () => {
    const canvas = chord([stumble.s(1), stumble.s(2), add.s(1, 2)], sum.s());
    expect(await canvas.delay().get(soon)).toBe(6);
  });

  it('is given once to a body that asks to be run again with other arguments', async () => {
    const canvas = chord([identity.s(1), identity.s(2)], retryWithMore.s());
    expect(await canvas.delay().get(soon)).toEqual([1, 2, 'more']);
  });

  it('grows by what a member adds to it: tasks, and a chord', async () => {
    const parts = chord([addPartsToChord.s([1, 2, 3], 4), identity.s('own')], identity.s());
    expect(await parts.delay().get(soon)).toEqual([0, 'own', 5, 6, 7]);
    const nested = chord([addChordToChord.s([1, 2, 3], 4)], identity.s());
    expect(await nested.delay().get(soon)).toEqual([0, 18]);
  });

  it('is the parent of the result, and ready before the body is', async () => {
    const result = await chain(
      chord([identity.s(1), identity.s(2)], identity.s()),
      gated.si('body', 3),
    ).delay();
    const header = result.parent!.parent as GroupResult;
    expect(await header.get(soon)).toEqual([1, 2]);
    await until('the header is ready', () => header.ready());
    expect(await result.ready()).toBe(false);
    troupe.trace.open('body');
    expect(await result.get(soon)).toBe(3);
  });

  it('has the task before it as parent, and its body has the root of all', async () => {
    const canvas = chain(ids.si(1), group(ids.si(2), ids.si(3)), ids.si(4));
    const result = await canvas.delay();
    const header = result.parent as GroupResult;
    const root = header.parent!.id;
    expect(await header.get(soon)).toEqual([
      { root, parent: root, i: 2 },
      { root, parent: root, i: 3 },
    ]);
    expect(await result.get(soon)).toMatchObject({ root, i: 4 });
  });
});
