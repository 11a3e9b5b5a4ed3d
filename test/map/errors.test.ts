/** What becomes of a map when items, its source or its workers fail. */
import { currentTask, Ignore, type ItemResult, MapItemError } from 'dtask';
import { expect, it } from 'vitest';
import { stage } from '../behaviour/own-stage.js';
import { rejection } from '../support/until.js';
import { gather, range } from './numbers.js';

/** What a loop gives before it throws, and what it throws. */
async function upTo<T>(stream: AsyncIterable<T>): Promise<{ values: T[]; error: Error }> {
  const values: T[] = [];
  const error = await rejection(
    (async () => {
      for await (const one of stream) values.push(one);
    })(),
  );
  return { values, error };
}

it('an item that fails ends the loop behind the values before it, and names the item', async () => {
  const app = stage.app();
  const picky = app.task('picky', (x: number) => {
    if (x === 7) throw new RangeError('no sevens');
    return x;
  });
  await stage.worker(app);
  for (const chunkSize of [1, 4, 100]) {
    const { values, error } = await upTo(picky.map(range(30), { chunkSize }));
    expect(values).toEqual([...range(7)]);
    expect(error).toBeInstanceOf(MapItemError);
    expect(error).toMatchObject({
      index: 7,
      code: 'MAP_ITEM',
      message: 'item 7 of the map over picky failed: RangeError: no sevens',
      cause: { name: 'RangeError', message: 'no sevens' },
    });
  }
});

it('failures can be collected: each item has its result, and none fails another', async () => {
  const app = stage.app();
  const picky = app.task('picky', (x: number) => {
    if (x % 3 === 1) throw new RangeError(`not ${x}`);
    return x;
  });
  await stage.worker(app);
  const results = await gather(picky.map(range(20), { onItemError: 'collect', chunkSize: 6 }));
  expect(results).toHaveLength(20);
  for (const [index, result] of results.entries()) {
    expect(result).toMatchObject(
      index % 3 === 1
        ? { ok: false, index, error: { name: 'RangeError', message: `not ${index}` } }
        : { ok: true, index, value: index },
    );
  }
});

it('the retries that a task declares are made for each item by itself', async () => {
  const app = stage.app();
  const runs = new Map<number, number[]>();
  const flaky = app.task(
    'flaky',
    (x: number) => {
      const { retries } = currentTask();
      runs.set(x, [...(runs.get(x) ?? []), retries]);
      if (x === 2 && retries < 2) throw new Error('again');
      return x;
    },
    { maxRetries: 3, retryDelay: 10 },
  );
  await stage.worker(app);
  expect(await gather(flaky.map(range(5), { chunkSize: 5 }))).toEqual([...range(5)]);
  expect(runs.get(2)).toEqual([0, 1, 2]);
  expect(runs.get(1)).toEqual([0]);
});

it('an item whose retries are used up has failed', async () => {
  const app = stage.app();
  let runs = 0;
  const never = app.task(
    'never',
    (x: number) => {
      if (x !== 1) return x;
      runs += 1;
      throw new Error('not today');
    },
    { maxRetries: 2, retryDelay: 1 },
  );
  await stage.worker(app);
  const { values, error } = await upTo(never.map(range(3)));
  expect({ values, runs }).toEqual({ values: [0], runs: 3 });
  expect(error).toMatchObject({ index: 1, cause: { message: 'not today' } });
});

it('a map can send items again that fail, so many times', async () => {
  const app = stage.app();
  const runs = new Map<number, number>();
  const flaky = app.task('flaky', (x: number) => {
    const before = runs.get(x) ?? 0;
    runs.set(x, before + 1);
    if (x % 4 === 0 && before < x / 4) throw new Error(`run ${before}`);
    return x;
  });
  await stage.worker(app);
  const retry = { onItemError: 'retry', chunkSize: 7 } as const;
  expect(await gather(flaky.map(range(13), retry))).toEqual([...range(13)]);
  expect(runs.get(12)).toBe(4);
  runs.clear();
  const { error } = await upTo(flaky.map(range(20), { ...retry, maxItemRetries: 2 }));
  expect(error).toMatchObject({ index: 12 });
  expect(runs.get(12)).toBe(3);
});

it('an item that is ignored has no value', async () => {
  const app = stage.app();
  const odd = app.task('odd', (x: number) => {
    if (x % 2 === 0) throw new Ignore();
    return x;
  });
  await stage.worker(app);
  expect(await gather(odd.map(range(4)))).toEqual([undefined, 1, undefined, 3]);
});

it('an item that cannot travel fails alone, here, and an item that is too large is named', async () => {
  const app = stage.app({ maxPayload: 65_536 });
  const size = app.task('size', (x: unknown) => JSON.stringify(x).length);
  await stage.worker(app);
  const items = ['a', () => 1, 'b', 'x'.repeat(70_000), 'c'];
  const results = await gather(size.map(items, { onItemError: 'collect' }));
  expect(results.map(({ ok }) => ok)).toEqual([true, false, true, false, true]);
  const errors = results.flatMap((one: ItemResult<number>) => (one.ok ? [] : [one.error]));
  expect(errors.map((error) => (error as { code?: unknown }).code)).toEqual([
    'ENCODE',
    'PAYLOAD_TOO_LARGE',
  ]);
  const { error } = await upTo(size.map(items));
  expect(error).toMatchObject({ index: 1, cause: { code: 'ENCODE' } });
});

it('values may be larger together than one result may be', async () => {
  const app = stage.app({ maxPayload: 65_536 });
  const grow = app.task('grow', (size: number) => 'x'.repeat(size));
  await stage.worker(app);
  const sizes = [...range(40)].map((x) => (x % 5 === 0 ? 30_000 : 4_000));
  const values = await gather(grow.map(sizes, { chunkSize: 40 }));
  expect(values.map(({ length }) => length)).toEqual(sizes);
  const { values: before, error } = await upTo(grow.map([10, 20, 70_000, 30], { chunkSize: 4 }));
  expect(before.map(({ length }) => length)).toEqual([10, 20]);
  expect(error).toMatchObject({ index: 2, cause: { code: 'PAYLOAD_TOO_LARGE' } });
});

it('what a source throws comes behind the values of what it gave', async () => {
  const app = stage.app();
  const echo = app.task('echo', (x: number) => x);
  await stage.worker(app);
  const broken = function* (): Generator<number> {
    yield* range(10);
    throw new TypeError('the source broke');
  };
  const brokenLater = async function* (): AsyncGenerator<number> {
    yield* broken();
  };
  for (const source of [broken, brokenLater]) {
    const { values, error } = await upTo(echo.map(source(), { chunkSize: 4 }));
    expect(values).toEqual([...range(10)]);
    expect(error).toMatchObject({ name: 'TypeError', message: 'the source broke' });
  }
});

it('a task that no worker has is named', async () => {
  const app = stage.app();
  const stranger = stage.app({ prefix: app.config.prefix });
  await stage.worker(app);
  const far = stranger.task('far.away', (x: number) => x);
  const { error } = await upTo(far.map([1]));
  expect(error).toMatchObject({ index: 0, cause: { code: 'UNKNOWN_TASK' } });
  expect(error.message).toMatch(/has no task far\.away/);
});

it('a chunk that is taken out of its queue fails its items', async () => {
  const app = stage.app();
  const echo = app.task('echo', (x: number) => x);
  const stream = echo
    .map(range(10), { chunkSize: 5, onItemError: 'collect' })
    [Symbol.asyncIterator]();
  const first = stream.next();
  await expect.poll(async () => (await app.queues.counts('default')).waiting).toBe(2);
  await app.queues.purge('default');
  expect(await first).toMatchObject({ value: { ok: false, index: 0 } });
  await stream.return();
});

it('what onProgress throws ends the map', async () => {
  const app = stage.app();
  const echo = app.task('echo', (x: number) => x);
  await stage.worker(app);
  const onProgress = (): never => {
    throw new Error('no screen');
  };
  expect(await rejection(gather(echo.map(range(3), { onProgress })))).toMatchObject({
    message: 'no screen',
  });
});

it('an item that has expired, or that is no list of arguments, fails as its own', async () => {
  const app = stage.app();
  const add = app.task('add', (x: number, y: number) => x + y);
  const late = rejection(gather(add.starmap([[1, 2]], { expires: 1 })));
  await expect.poll(async () => (await app.queues.counts('default')).waiting).toBe(1);
  await stage.worker(app);
  expect(await late).toMatchObject({ index: 0, cause: { code: 'TASK_REVOKED' } });
  const wrong = [[1, 2], 5] as unknown as [number, number][];
  const { values, error } = await upTo(add.starmap(wrong));
  expect(values).toEqual([3]);
  expect(error).toMatchObject({
    index: 1,
    message: expect.stringMatching(/list of arguments, got 5/),
  });
});

it('a map is ended by the end of its App', async () => {
  const app = stage.app();
  const never = app.task('never', (x: number) => x);
  const all = rejection(gather(never.map(range(3))));
  await expect.poll(async () => (await app.queues.counts('default')).waiting).toBeGreaterThan(0);
  await app.close();
  expect(await all).toMatchObject({ code: 'BROKER' });
});
