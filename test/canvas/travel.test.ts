/** How canvases travel: by name, as JSON, large, and in parts that are too large. */
import { chain, chord, chunks, group, signature } from 'dtask';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support/until.js';
import {
  add,
  addReplaced,
  asExpected,
  count,
  echo,
  fail,
  glue,
  headers,
  identity,
  large,
  noteHeaders,
  sizes,
  sum,
} from './tasks.js';
import { soon, troupe } from './troupe.js';

const tooLarge = { name: 'PayloadTooLargeError' };

describe('a canvas sent by name', () => {
  it('runs though the sender has none of the code of its tasks', async () => {
    const app = troupe.stranger();
    const one = app.signature('add', [1, 2]);
    expect(await one.delay().get(soon)).toBe(3);
    expect(
      await chain(one, app.signature('add', [4]))
        .delay()
        .get(soon),
    ).toBe(7);
    expect(await group(one, one).delay().get(soon)).toEqual([3, 3]);
    expect(await chord([one, one], app.signature('sum')).delay().get(soon)).toBe(6);
    // What belongs to no App is sent by that of another part.
    expect(
      await chain(one, signature('addReplaced', [5]))
        .delay()
        .get(soon),
    ).toBe(8);
  });

  it('fails as any other does', async () => {
    const app = troupe.stranger();
    const canvas = chain(app.signature('fail'), app.signature('identity'));
    expect(await rejection(canvas.delay().get(soon))).toMatchObject(asExpected);
  });
});

describe('a canvas as JSON', () => {
  it('is the same canvas when it is read back', async () => {
    const canvases = [
      add.s(1, 2),
      chain(add.s(1, 2), add.s(3), group(add.s(4), chain(add.s(5), addReplaced.s(6)))),
      group(add.s(1, 2), group(add.s(3, 4)), chain(add.s(5, 6), add.si(7, 8))),
      chord([add.s(1, 1), chord([add.s(2, 2)], sum.s())], sum.s()),
      chunks(
        add,
        [
          [1, 1],
          [2, 2],
          [3, 3],
        ],
        2,
      ),
    ];
    const app = troupe.stranger();
    for (const canvas of canvases) {
      const read = app.signature(JSON.parse(JSON.stringify(canvas)));
      expect(JSON.stringify(read)).toBe(JSON.stringify(canvas));
      expect(await read.delay().get(soon)).toEqual(await canvas.delay().get(soon));
    }
  });

  it('keeps values that JSON has not, links, errbacks and options', async () => {
    const value = { when: new Date(5), big: 7n, some: new Map([['a', new Set([1])]]) };
    const canvas = chain(identity.s(value).link(count.si('json')), identity.s()).set({
      headers: { tenant: 'a' },
    });
    const read = troupe.stranger().signature(JSON.parse(JSON.stringify(canvas)));
    expect(await read.delay().get(soon)).toEqual(value);
    expect(await troupe.notes('json')).toHaveLength(1);

    const failing = fail.s().onError(echo.s('json-error'));
    const again = troupe.stranger().signature(JSON.parse(JSON.stringify(failing)));
    expect(await rejection(again.delay().get(soon))).toMatchObject(asExpected);
    expect(await troupe.notes('json-error')).toHaveLength(1);

    const tagged = chain(headers.s(), identity.s()).stamp({ tenant: 'b' });
    const sent = troupe.stranger().signature(JSON.parse(JSON.stringify(tagged)));
    expect(await sent.delay().get(soon)).toEqual({ tenant: 'b' });
  });

  it('may be written by hand, with a long chain at the end of another', async () => {
    const step = (x: number) => ({ task: 'add', args: [x] });
    const inner = { chain: Array.from({ length: 60 }, () => step(1)) };
    const outer = { chain: [{ task: 'add', args: [0, 0] }, step(100), step(1_000), inner] };
    expect(await troupe.stranger().signature(outer).delay().get(soon)).toBe(1_160);
  });
});

describe('a large canvas', () => {
  it('of a chain of 1,000 gives its value, and all values on the way', async () => {
    const steps = [add.si(1, 0), ...Array.from({ length: 999 }, () => add.s(1))];
    expect(
      await chain(...steps)
        .delay()
        .get({ timeout: '30s' }),
    ).toBe(1_000);
  }, 40_000);

  it('of a value that is too large to be sent on fails the rest', async () => {
    const canvas = chain(large.s(1_000_000), glue.s('y'.repeat(100_000)), identity.s());
    const result = await canvas.delay();
    expect(await rejection(result.get(soon))).toMatchObject(tooLarge);
    expect(await rejection(result.parent!.get(soon))).toMatchObject(tooLarge);
    expect(await result.parent!.parent!.get(soon)).toHaveLength(1_000_000);
  });

  it('of a value that is too large for one part of a group behind it fails what follows the group', async () => {
    const parts = group(glue.s('y'.repeat(100_000)), identity.s());
    const result = await chain(large.s(1_000_000), parts, echo.si(1, 'never')).delay();
    expect(await rejection(result.get(soon))).toMatchObject(tooLarge);
    expect(await rejection(result.parent!.get(soon))).toMatchObject(tooLarge);
    expect(await troupe.notes('never')).toEqual([]);
  });

  it('of arguments that are too large is refused when it is sent', async () => {
    const canvas = chain(identity.s('x'.repeat(2_000_000)), identity.s());
    expect(await rejection(canvas.delay())).toMatchObject(tooLarge);
    expect(await rejection(canvas.delay().get(soon))).toMatchObject(tooLarge);
  });

  it('whose header gives more than a message holds gives all of it to the body', async () => {
    const canvas = chord(
      Array.from({ length: 4 }, () => large.s(900_000)),
      sizes.s(),
    );
    expect(await canvas.delay().get(soon)).toBe(3_600_000);
  });
});

describe('headers of a canvas', () => {
  it('reach every task of it', async () => {
    const same = identity.s();
    const canvas = chain(headers.s(), group(same, headers.s()), same);
    expect(await canvas.applyAsync([], { headers: { tenant: 'a' } }).get(soon)).toEqual([
      { tenant: 'a' },
      { tenant: 'a' },
    ]);
    expect(await chain(same, headers.s()).stamp({ by: 'me' }).delay(1).get(soon)).toEqual({
      by: 'me',
    });
  });

  it('reach what is linked to a task of it, and its errbacks', async () => {
    const linked = identity.s(1).link(noteHeaders.s('linked')).stamp({ by: 'me' });
    await linked.delay().get(soon);
    expect(await troupe.notes('linked')).toEqual([{ by: 'me' }]);
    const failing = fail.s().onError(noteHeaders.s('errback')).stamp({ by: 'me' });
    expect(await rejection(failing.delay().get(soon))).toMatchObject(asExpected);
    expect(await troupe.notes('errback')).toEqual([{ by: 'me' }]);
  });
});
