/** Maps whose workers, caller or Redis are killed on the way. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { readNotes } from '../canvas/notes.js';
import { Engine, hasNative, needsNative } from '../support/engine.js';
import { engine } from '../support/own-engine.js';
import { Troupe } from '../support/troupe.js';
import { rejection, until } from '../support/until.js';
import { gather, range } from './numbers.js';
import { declare } from './tasks.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const inOrder = (items: number): number[] => Array.from(range(items), (x) => x * 2);

async function hire(workers: readonly (readonly string[])[], url = engine.url) {
  const troupe = new Troupe(url, here);
  onTestFinished(() => troupe.disband());
  await Promise.all(workers.map((flags, at) => troupe.hire(`w${at}`, flags)));
  return { troupe, ...declare(troupe.app) };
}

it('a worker that is killed takes no item with it', { timeout: 60_000 }, async () => {
  const { troupe, nap } = await hire([
    ['-c', '2'],
    ['-c', '2'],
  ]);
  const rows = Array.from(range(60), (x) => ['killed', x] as [string, number]);
  const all = gather(nap.starmap(rows, { chunkSize: 5 }));
  await troupe.trace.started('killed', 8);
  troupe.worker('w0').signal('SIGKILL');
  expect(await all).toEqual(inOrder(60));
});

it(
  'an item that kills its process fails its chunk, and no other',
  { timeout: 60_000 },
  async () => {
    const { poison } = await hire([['-c', '2', '-P', 'processes']]);
    const rows = Array.from(range(30), (x) => [x, 12] as [number, number]);
    const results = await gather(poison.starmap(rows, { chunkSize: 5, onItemError: 'collect' }));
    expect(results.map(({ ok }) => ok)).toEqual([...range(30)].map((x) => x < 10 || x >= 15));
    expect(results[12]).toMatchObject({ index: 12, error: { code: 'WORKER_LOST' } });
  },
);

it('an item that throws where no promise is looking fails its chunk, and not its worker', async () => {
  const { leak } = await hire([['-c', '2']]);
  const rows = [0, 1, 2].map((x) => [x, 1] as [number, number]);
  const results = await gather(leak.starmap(rows, { chunkSize: 1, onItemError: 'collect' }));
  expect(results.map(({ ok }) => ok)).toEqual([true, false, true]);
  expect(results[1]).toMatchObject({ error: { cause: { message: 'from a timer' } } });
});

it('a task in a process of its own may map others', async () => {
  const { sumOfSquares } = await hire([['-c', '2', '-P', 'processes']]);
  expect(await sumOfSquares.delay(10).get({ timeout: '20s' })).toBe(285);
});

it('a caller that was killed goes on under the id of its map, and nothing runs twice', async () => {
  const { troupe, count } = await hire([
    ['-c', '4'],
    ['-c', '4'],
  ]);
  const { app, prefix, trace, stage } = troupe;
  const caller = spawn(
    process.execPath,
    [`${here}programs/caller.mjs`, engine.url, prefix, 'resumed', 'resumed', '40', '17'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  onTestFinished(() => void caller.kill('SIGKILL'));
  let printed = '';
  caller.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  await until('the caller has got its first values', () => printed.split('\n').length > 16);
  await trace.started('resumed');
  caller.kill('SIGKILL');
  await until('the caller is gone', () => caller.signalCode === 'SIGKILL');
  const rows = Array.from(range(40), (x) => ['resumed', x, 17] as [string, number, number]);
  const options = { id: 'resumed', chunkSize: 4, concurrency: 3 } as const;
  const all = gather(count.starmap(rows, options));
  trace.open('resumed');
  expect(await all).toEqual(inOrder(40));
  // Once more, and only the end of it: all of it is there.
  expect(await gather(count.starmap(rows, { ...options, from: 30 }))).toEqual(
    inOrder(40).slice(30),
  );
  const runs = (await readNotes(stage.redis, prefix, 'resumed')) as number[];
  expect(runs.toSorted((a, b) => a - b)).toEqual([...range(40)]);
  const left = await stage.redis.keys(`${prefix}:[mr]:*`);
  const times = await Promise.all(left.map((key) => stage.redis.pttl(key)));
  expect(times.every((time) => time > 0)).toBe(true);
  expect(app.closed).toBe(false);
});

it('a map that was left goes on under its id, whatever the sizes of its chunks were', async () => {
  const { troupe, count } = await hire([['-c', '4']]);
  const rows = Array.from(range(500), (x) => ['left', x] as [string, number]);
  const some: number[] = [];
  for await (const value of count.starmap(rows, { id: 'left' })) {
    some.push(value);
    if (some.length === 100) break;
  }
  expect(some).toEqual(inOrder(100));
  expect(await gather(count.starmap(rows, { id: 'left', chunkSize: 7 }))).toEqual(inOrder(500));
  const runs = (await readNotes(troupe.stage.redis, troupe.prefix, 'left')) as number[];
  // Those that ran when the loop was left have run again.
  expect(new Set(runs).size).toBe(500);
  for (const x of range(100)) expect(runs.filter((one) => one === x)).toHaveLength(1);
  const other = troupe.app.task('other', (x: number) => x);
  expect(await rejection(gather(other.map([1], { id: 'left' })))).toMatchObject({
    code: 'CONFIG',
    message: expect.stringMatching(/is that of a map over count, not over other/),
  });
});

it('a map that is started a second time under its id ends the first, and is not mixed with it', async () => {
  const { troupe, count } = await hire([['-c', '4']]);
  const rows = Array.from(range(400), (x) => ['twice', x] as [string, number]);
  const first = count.starmap(rows, { id: 'twice', chunkSize: 3 })[Symbol.asyncIterator]();
  expect(await first.next()).toEqual({ done: false, value: 0 });
  const second = gather(count.starmap(rows, { id: 'twice', chunkSize: 10 }));
  const rest = (async (): Promise<void> => {
    for await (const value of first) expect(value % 2).toBe(0);
  })();
  expect(await rejection(rest)).toMatchObject({
    code: 'CONFIG',
    message: expect.stringMatching(/map twice was started a second time/),
  });
  expect(await second).toEqual(inOrder(400));
  const runs = (await readNotes(troupe.stage.redis, troupe.prefix, 'twice')) as number[];
  expect(runs.toSorted((a, b) => a - b)).toEqual([...range(400)]);
});

it('a chunk that takes far longer than most is sent a second time, and the first to end counts', async () => {
  const { troupe, straggle } = await hire([
    ['-c', '2'],
    ['-c', '2'],
  ]);
  const rows = Array.from(range(20), (x) => ['slow', x, 5] as [string, number, number]);
  const values = await gather(
    straggle.starmap(rows, { chunkSize: 1, speculate: { after: '300ms' } }),
  );
  expect(values).toEqual([...range(20)]);
  expect(troupe.trace.starts('slow')).toHaveLength(2);
  troupe.trace.open('slow');
});

it(
  'a Redis that goes away and comes back holds a map up, and no more',
  { timeout: 60_000 },
  async ({ skip }) => {
    if (!hasNative) skip(needsNative);
    const own = await Engine.start({ keep: true });
    onTestFinished(() => own[Symbol.asyncDispose]());
    const { troupe, count } = await hire([['-c', '4']], own.url);
    const rows = Array.from(range(60), (x) => ['away', x, 21] as [string, number, number]);
    const all = gather(count.starmap(rows, { chunkSize: 4, concurrency: 4 }));
    await troupe.trace.started('away');
    await own.stop();
    troupe.trace.open('away');
    await own.back();
    expect(await all).toEqual(inOrder(60));
  },
);
