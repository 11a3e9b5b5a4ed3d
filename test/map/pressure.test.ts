/** How far ahead a map reads, and what it leaves behind when its loop is left. */
import { expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection } from '../support/until.js';
import { gather, Meter, range } from './numbers.js';
import { waitsForFirst } from './waits-for-first.js';

it('a source is read as far as the window goes, and on as values are taken', async () => {
  const app = stage.app();
  const echo = app.task('echo', (x: number) => x);
  await stage.worker(app);
  const meter = new Meter(1_000);
  const stream = echo.map(meter, { chunkSize: 5, concurrency: 3 })[Symbol.asyncIterator]();
  expect(meter.read).toBe(0);
  let furthest = 0;
  for (let taken = 1; taken <= 200; taken += 1) {
    expect(await stream.next()).toEqual({ done: false, value: taken - 1 });
    furthest = Math.max(furthest, meter.read - taken);
  }
  expect(furthest).toBeLessThanOrEqual(15);
  await eventually(() => meter.read).toBe(210);
  await stream.return();
  expect(meter.closed).toBe(true);
  expect(meter.read).toBeLessThanOrEqual(215);
});

it('a chunk that does not end holds the window, and nothing more is read', async () => {
  const { gate, wait } = await waitsForFirst();
  const meter = new Meter(1_000);
  const stream = wait.map(meter, { chunkSize: 10, concurrency: 4 })[Symbol.asyncIterator]();
  const first = stream.next();
  await eventually(() => meter.read).toBe(40);
  gate.open();
  expect(await first).toEqual({ done: false, value: 0 });
  await stream.return();
});

it('leaving the loop revokes what is on its way, closes the source and leaves nothing behind', async () => {
  const app = stage.app();
  const started: number[] = [];
  const gate = new Gate();
  const wait = app.task('wait', async (x: number) => {
    started.push(x);
    if (x > 0) await gate.passed;
    return x;
  });
  await stage.worker(app, { concurrency: 2 });
  const meter = new Meter(1_000);
  for await (const x of wait.map(meter, { chunkSize: 1, concurrency: 8 })) {
    expect(x).toBe(0);
    await eventually(() => started.length).toBe(3);
    break;
  }
  expect(meter.closed).toBe(true);
  const { waiting, delayed } = await app.queues.counts('default');
  expect({ waiting, delayed }).toEqual({ waiting: 0, delayed: 0 });
  gate.open();
  await eventually(async () => (await app.queues.counts('default')).active).toBe(0);
  expect(started.length).toBe(3);
});

it('an aborted signal ends the loop with its reason, and so does one that was aborted before', async () => {
  const app = stage.app();
  const gate = new Gate();
  const wait = app.task('wait', async (x: number) => {
    await gate.passed;
    return x;
  });
  await stage.worker(app);
  const stop = new AbortController();
  const all = gather(wait.map(range(100), { signal: stop.signal }));
  setImmediate(() => stop.abort(new Error('enough')));
  expect(await rejection(all)).toMatchObject({ message: 'enough' });
  expect(await rejection(gather(wait.map([1], { signal: stop.signal })))).toMatchObject({
    message: 'enough',
  });
  gate.open();
});

it('a loop whose body throws ends the map', async () => {
  const app = stage.app();
  const echo = app.task('echo', (x: number) => x);
  await stage.worker(app);
  const meter = new Meter(1_000);
  const loop = async (): Promise<void> => {
    for await (const x of echo.map(meter, { chunkSize: 1 })) if (x === 2) throw new Error('mine');
  };
  expect(await rejection(loop())).toMatchObject({ message: 'mine' });
  expect(meter.closed).toBe(true);
  expect(meter.read).toBeLessThan(20);
});
