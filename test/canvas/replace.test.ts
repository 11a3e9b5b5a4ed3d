/** Replaced tasks, links and errbacks on two worker processes: the rows of Celery's own suite on them. */
import { chain, chord, group } from 'dtask';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support/until.js';
import {
  add,
  addReplaced,
  asExpected,
  count,
  countFailure,
  echo,
  fail,
  failReplaced,
  identity,
  noteFailure,
  orderA,
  replacedByChain,
  replacedByChord,
  replacedByEmptyChain,
  replacedByEmptyGroup,
  replacedByGroup,
  replacedByHeaders,
  replacedDeeply,
  stumble,
  stumbleOnFailure,
  sum,
} from './tasks.js';
import { soon, troupe } from './troupe.js';

const times = <T>(n: number, x: T): T[] => Array.from({ length: n }, () => x);

describe('replace', () => {
  it('13: refuses an empty chain', async () => {
    const canvas = chain(identity.s(1), replacedByEmptyChain.s());
    expect(await rejection(canvas.delay().get(soon))).toMatchObject({
      errorName: 'ConfigError',
      message: expect.stringContaining('an empty chain has nothing to run') as string,
    });
  });

  it('17: keeps links and errbacks, each called once', async () => {
    const linked = addReplaced.si(42, 1_337).link(count.si('17-link'));
    expect(await chain(linked, identity.s()).delay().get(soon)).toBe(1_379);

    const whole = chain(addReplaced.si(42, 1_337), fail.s()).onError(count.si('17-chain'));
    expect(await rejection(whole.delay().get(soon))).toMatchObject(asExpected);

    const child = failReplaced.s().onError(count.si('17-child'));
    expect(await rejection(chain(child, identity.s()).delay().get(soon))).toMatchObject(asExpected);

    const [link, outer, own] = await Promise.all(
      ['17-link', '17-chain', '17-child'].map((mark) => troupe.notes(mark)),
    );
    expect([link!.length, outer!.length, own!.length]).toEqual([1, 1, 1]);
  });

  it('19: within a replacement goes in and out in order', async () => {
    await orderA.delay('19').get(soon);
    expect(await troupe.notes('19')).toEqual(['In A', 'In B', 'In/Out C', 'Out B', 'Out A']);
  });

  it('gives the value of what took its place: a task, a chain, a group, a chord, one in another', async () => {
    const values = [
      addReplaced.delay(1, 2),
      replacedByChain.delay(3),
      replacedByGroup.delay(4),
      replacedByEmptyGroup.delay(),
      replacedByChord.delay(5),
      replacedDeeply.delay(6),
    ].map((sent) => sent.get(soon) as Promise<unknown>);
    expect(await Promise.all(values)).toEqual([3, 3, [4, 4], [], [5, 6], [6, 6]]);
  });

  it('keeps the place in a chain, a group and a chord', async () => {
    expect(await chain(identity.s(4), replacedByGroup.s(), sum.s()).delay().get(soon)).toBe(8);
    const parts = group(replacedByGroup.s(1), replacedByChain.s(2), addReplaced.s(1, 2));
    expect(await parts.delay().get(soon)).toEqual([[1, 1], 2, 3]);
    const canvas = chord([replacedByChord.s(1), replacedDeeply.s(2)], identity.s());
    expect(await canvas.delay().get(soon)).toEqual([
      [1, 2],
      [2, 2],
    ]);
  });

  it('has the task succeed when its canvas has, and fail when it has failed', async () => {
    const succeeded = await addReplaced.delay(1, 2);
    expect(await succeeded.get(soon)).toBe(3);
    expect(await succeeded.state()).toBe('SUCCESS');
    const failed = await failReplaced.delay();
    expect(await rejection(failed.get(soon))).toMatchObject(asExpected);
    expect(await failed.state()).toBe('FAILURE');
  });

  it('carries the headers of the task on to what takes its place', async () => {
    const plain = replacedByHeaders.applyAsync([], { headers: { tenant: 'a' } });
    expect(await plain.get(soon)).toEqual({ tenant: 'a' });
    const stamped = chain(replacedByHeaders.s(), identity.s()).stamp({ tenant: 'b' });
    expect(await stamped.delay().get(soon)).toEqual({ tenant: 'b' });
  });
});

describe('link', () => {
  it('15: calls what is linked to each task of a chain, once each', async () => {
    const child = identity.si(1_337).link(count.si('15'));
    expect(
      await chain(...times(42, child))
        .delay()
        .get(soon),
    ).toBe(1_337);
    expect(await troupe.notes('15')).toHaveLength(42);
  });

  it('of a chain gives the last value, of a chord that of its body, and may be a canvas', async () => {
    const tail = chain(identity.s(), echo.s('chain'));
    await chain(add.s(1, 2), add.s(3)).link(tail).delay().get(soon);
    expect(await troupe.notes('chain')).toEqual([6]);
    await chord([add.s(1, 2), add.s(3, 4)], sum.s())
      .link(echo.s('chord'))
      .delay()
      .get(soon);
    expect(await troupe.notes('chord')).toEqual([10]);
    const fork = group(echo.s('fork'), echo.s('fork'));
    await identity.s(5).link(fork).delay().get(soon);
    expect(await troupe.notes('fork')).toEqual([5, 5]);
  });

  it('goes to the queue of the linked task, though the worker does not know of it', async () => {
    const { app } = troupe;
    const elsewhere = app.task('elsewhere', (x: unknown) => x, { queue: 'elsewhere' });
    await identity.s(1).link(elsewhere.s()).delay().get(soon);
    await fail
      .s()
      .onError(elsewhere.s())
      .delay()
      .get({ propagate: false, ...soon });
    await chain(identity.s(1), elsewhere.s()).delay();
    await troupe.quiet();
    expect(await app.queues.counts('elsewhere')).toMatchObject({ waiting: 3 });
  });

  it('is not followed by a task that has failed', async () => {
    const canvas = fail.s().link(echo.s('unlinked'));
    expect(await rejection(canvas.delay().get(soon))).toMatchObject(asExpected);
    expect(await troupe.notes('unlinked')).toEqual([]);
  });
});

describe('onError', () => {
  it('67: calls an errback that is itself retried, and get() still gives the original error', async () => {
    const plain = fail.s().onError(noteFailure.s('67')).delay();
    expect(await plain.get({ propagate: false, ...soon })).toMatchObject(asExpected);
    expect(await troupe.notes('67')).toEqual([
      { id: plain.id, task: 'fail', error: 'ExpectedError', message: 'this was expected' },
    ]);

    const retried = fail.s().onError(stumbleOnFailure.s('67-retried')).delay();
    expect(await retried.get({ propagate: false, ...soon })).toMatchObject(asExpected);
    expect(await troupe.notes('67-retried')).toEqual([
      { id: retried.id, retries: 0 },
      { id: retried.id, retries: 1 },
    ]);
  });

  it('of a chain is called once, whichever task fails, and with the id of that task', async () => {
    const same = identity.s();
    const chains = [
      [chain(fail.s(), same, same), 0],
      [chain(identity.s(1), fail.s(), same), 1],
      [chain(identity.s(1), same, fail.s()), 2],
    ] as const;
    for (const [canvas, at] of chains) {
      const mark = `chain-${at}`;
      const result = await canvas.onError(noteFailure.s(mark)).delay();
      expect(await rejection(result.get(soon))).toMatchObject(asExpected);
      const ids = [result.parent!.parent!.id, result.parent!.id, result.id];
      expect(await troupe.notes(mark)).toEqual([expect.objectContaining({ id: ids[at] })]);
    }
  });

  it('may be a canvas, and an immutable errback takes nothing', async () => {
    const told = chain(noteFailure.s('canvas'), count.si('canvas'));
    const canvas = fail.s().onError(told, count.si('immutable'));
    expect(await rejection(canvas.delay().get(soon))).toMatchObject(asExpected);
    expect(await troupe.notes('canvas')).toEqual([expect.objectContaining({ task: 'fail' }), 1]);
    expect(await troupe.notes('immutable')).toEqual([1]);
  });

  it('of a task that succeeds when it is retried is not called', async () => {
    const canvas = chain(stumble.s(1), identity.s()).onError(countFailure.s('well'));
    expect(await canvas.delay().get(soon)).toBe(1);
    expect(await troupe.notes('well')).toEqual([]);
  });
});
