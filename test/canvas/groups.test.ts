/** Groups on two worker processes: the rows of Celery's own suite on them, and what their results can do. */
import { chain, chord, chunks, group, type GroupResult, map, starmap } from 'dtask';
import { describe, expect, it } from 'vitest';
import { rejection, until } from '../support/until.js';
import { add, asExpected, count, countFailure, echo, fail, gated, identity } from './tasks.js';
import { soon, troupe } from './troupe.js';

const times = <T>(n: number, x: T): T[] => Array.from({ length: n }, () => x);

describe('a group', () => {
  it('21: lays out the groups in it', async () => {
    const canvas = group(
      add.si(1, 10),
      group(add.si(1, 100), group(add.si(1, 1_000), add.si(1, 2_000))),
    );
    expect(await canvas.delay().get(soon)).toEqual([11, 101, 1_001, 2_001]);
  });

  it('23: of nothing gives an empty list, also when it was saved; one whose member raises gets ready', async () => {
    expect(await group([]).delay().get(soon)).toEqual([]);
    const empty = await chunks(add, [], 2).delay();
    await empty.save();
    const restored = await troupe.stranger().groupResult(empty.id);
    expect(restored.results).toEqual([]);
    expect(await restored.get(soon)).toEqual([]);

    const result = await group(add.s(1, 2), fail.s()).delay();
    await until('the group is ready', () => result.ready());
    expect(await result.failed()).toBe(true);
    expect(await result.successful()).toBe(false);
    expect(await result.completedCount()).toBe(1);
  });

  it('25: of chords counts each member of a header once, whatever it is made of', async () => {
    const steps = [identity.s(1_337), ...times(41, identity.s())];
    const simple = group(chord([identity.s(42)], identity.s()));
    const chained = group(chord([chain(...steps)], identity.s()));
    const grouped = group(chord([group(times(42, identity.s(1_337)))], identity.s()));
    const chorded = group(chord([chord([identity.s(1_337)], identity.si(31_337))], identity.s()));
    const mixed = group(
      chord(
        [
          identity.s(42),
          chain(identity.s(42), ...times(41, identity.s())),
          group(times(42, identity.s(42))),
          chord([identity.s(42)], identity.si(1_337)),
        ],
        identity.s(),
      ),
    );
    const all = [simple, chained, grouped, chorded, mixed] as const;
    expect(await Promise.all(all.map((canvas) => canvas.delay().get(soon)))).toEqual([
      [[42]],
      [[1_337]],
      [times(42, 1_337)],
      [[31_337]],
      [[42, 42, ...times(42, 42), 1_337]],
    ]);
  });

  it('27: calls its errback once for each member that fails, and get() raises', async () => {
    const good = add.si(1, 1);
    const groups = {
      first: group(fail.s(), good, good),
      last: group(good, good, fail.s()),
      multiple: group(times(42, fail.s())),
    };
    for (const [mark, canvas] of Object.entries(groups)) {
      const sent = canvas.onError(countFailure.s(mark)).delay();
      expect(await rejection(sent.get(soon))).toMatchObject(asExpected);
    }
    expect(await troupe.notes('first')).toHaveLength(1);
    expect(await troupe.notes('last')).toHaveLength(1);
    expect(await troupe.notes('multiple')).toHaveLength(42);
  });

  it('29: gives values in order, or errors in their places, and tells which part has failed', async () => {
    // Celery's ResultSet holds calls that were made one by one: here a list and Promise.all do.
    const calls = await Promise.all([add.delay(1, 1), add.delay(2, 2)]);
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual([2, 4]);
    expect(await group(add.s(1, 1), add.s(2, 2)).delay().get(soon)).toEqual([2, 4]);

    const result = await group(fail.s(), add.s(1, 1)).delay();
    const values = await result.get({ propagate: false, ...soon });
    expect(values).toEqual([expect.objectContaining(asExpected), 2]);
    const [failed, succeeded] = result.results;
    expect(await failed!.failed()).toBe(true);
    expect(await succeeded!.successful()).toBe(true);
  });

  it('gives its values in the order in which its parts were given, not in which they end', async () => {
    const sent = group(gated.s('late', 1), identity.s(2), identity.s(3)).delay();
    const { results } = await sent;
    expect(await results[2]!.get(soon)).toBe(3);
    expect(await results[1]!.get(soon)).toBe(2);
    troupe.trace.open('late');
    expect(await sent.get(soon)).toEqual([1, 2, 3]);
  });

  it('is taken from a generator', async () => {
    function* parts() {
      for (let x = 0; x < 100; x += 1) yield identity.s(x);
    }
    expect(await group(parts()).delay().get(soon)).toEqual([...Array(100).keys()]);
  });

  it('gives undefined for a part whose result is ignored', async () => {
    const ignored = { ignoreResult: true };
    const behind = group(identity.s(), identity.signature([], ignored));
    expect(await chain(identity.s(1), behind).delay().get(soon)).toEqual([1, undefined]);
    const alone = group(identity.signature([1], ignored), identity.s(2));
    expect(await alone.delay().get(soon)).toEqual([undefined, 2]);
  });

  it('takes no id, which each of its parts would get, but a chain is known by the one it is given', async () => {
    const sent = group(add.s(1, 1), add.s(2, 2)).applyAsync([], { id: 'chosen-group' });
    expect(await rejection(sent)).toMatchObject({ name: 'ConfigError' });
    const known = chain(add.s(1, 1), add.s(2)).applyAsync([], { id: 'chosen-chain' });
    expect(known.id).toBe('chosen-chain');
    expect(await troupe.stranger().result('chosen-chain').get(soon)).toBe(4);
  });

  it('links its callback to each part', async () => {
    const canvas = group(identity.s(1), identity.s(2), identity.s(3)).link(echo.s('linked'));
    await canvas.delay().get(soon);
    expect(new Set(await troupe.notes('linked'))).toEqual(new Set([1, 2, 3]));
  });

  it('runs on both workers', async () => {
    const result = await group(times(16, gated.s('both', 1))).delay();
    const starts = await troupe.trace.started('both', 16);
    expect(new Set(starts.map(({ pid }) => pid)).size).toBe(2);
    troupe.trace.open('both');
    expect(await result.get(soon)).toEqual(times(16, 1));
  });
});

describe('the result of a group', () => {
  it('is gone through in the order in which its parts end, well or not', async () => {
    const marks = ['walk-0', 'walk-1', 'walk-2'];
    const result = await group(
      marks.map((mark) => chain(gated.s(mark, 1), mark === 'walk-1' ? fail.s() : identity.s())),
    ).delay();
    const order: number[] = [];
    troupe.trace.open('walk-2');
    for await (const each of result) {
      order.push(result.results.indexOf(each));
      if (order.length === 1) troupe.trace.open('walk-1');
      if (order.length === 2) troupe.trace.open('walk-0');
    }
    expect(order).toEqual([2, 1, 0]);
  });

  it('counts the parts that have succeeded so far', async () => {
    const result = await group(identity.s(1), identity.s(2), gated.s('counted', 3)).delay();
    await Promise.all(result.results.slice(0, 2).map((each) => each.get(soon)));
    await troupe.trace.started('counted');
    expect(await result.completedCount()).toBe(2);
    expect(await result.ready()).toBe(false);
    expect(await result.waiting()).toBe(true);
    troupe.trace.open('counted');
    await result.get(soon);
    expect(await result.completedCount()).toBe(3);
    expect(await result.ready()).toBe(true);
  });

  it('revokes the parts that have not started, and takes them out of their queue', async () => {
    const later = identity.signature([1], { countdown: '1h', queue: 'idle' });
    const result = await group(later, chain(later, identity.s()), identity.s(3)).delay();
    expect(await result.results[2]!.get(soon)).toBe(3);
    expect(await result.revoke()).toBe(true);
    const states = result.results.map((each) => each.state());
    expect(await Promise.all(states)).toEqual(['REVOKED', 'REVOKED', 'SUCCESS']);
    expect(await rejection(result.get(soon))).toMatchObject({ name: 'TaskRevokedError' });
    expect(await troupe.app.queues.counts('idle')).toMatchObject({ waiting: 0, delayed: 0 });
  });

  it('is found by another process once it is saved, also before the group has ended', async () => {
    const result = await group(
      identity.s(1),
      chain(gated.s('saved', 2), group(identity.s(), add.s(1))),
    ).delay();
    await result.save();
    const restored: GroupResult = await troupe.stranger().groupResult(result.id);
    const values = restored.get(soon);
    troupe.trace.open('saved');
    expect(await values).toEqual([1, [2, 3]]);
    expect(await result.get(soon)).toEqual([1, [2, 3]]);
  });

  it('throws ResultTimeoutError when its time is over, and may be asked again', async () => {
    const result = await group(identity.s(1), gated.s('slow', 2)).delay();
    expect(await rejection(result.get({ timeout: 50 }))).toMatchObject({
      name: 'ResultTimeoutError',
    });
    troupe.trace.open('slow');
    expect(await result.get(soon)).toEqual([1, 2]);
  });
});

describe('a task over a list', () => {
  it('map runs it on each item, starmap on each list of arguments', async () => {
    expect(await map(identity, [1, 2, 3]).delay().get(soon)).toEqual([1, 2, 3]);
    const pairs = [
      [1, 2],
      [3, 4],
    ] as [number, number][];
    expect(await starmap(add, pairs).delay().get(soon)).toEqual([3, 7]);
    expect(await add.starmap(pairs).delay().get(soon)).toEqual([3, 7]);
    expect(await map(count, []).delay().get(soon)).toEqual([]);
  });

  it('chunks gives a list for each chunk, the last one with what is left', async () => {
    const pairs = Array.from({ length: 5 }, (_, x): [number, number] => [x, x]);
    expect(await chunks(add, pairs, 2).delay().get(soon)).toEqual([[0, 2], [4, 6], [8]]);
    expect(await add.chunks([], 2).delay().get(soon)).toEqual([]);
  });

  it('runs here and now as well', async () => {
    expect(await map(identity, [1, 2]).apply().get()).toEqual([1, 2]);
    expect(
      await add
        .chunks(
          [
            [1, 1],
            [2, 2],
            [3, 3],
          ],
          2,
        )
        .apply()
        .get(),
    ).toEqual([[2, 4], [6]]);
  });

  it('map fails with the error of the item that failed', async () => {
    expect(await rejection(map(fail, [1, 2]).delay().get(soon))).toMatchObject(asExpected);
  });
});
