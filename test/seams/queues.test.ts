/** Several queues on few slots, queues that come and go, and slots that are lent and taken back. */
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { crew, long, pools, soon } from './crew.js';

afterEach(() => crew.dismiss());

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe.each(pools)('a worker with two slots, of kind %s', (pool) => {
  it('never holds more than it runs of two busy queues, and both go on', async () => {
    const worker = await crew.worker({
      pool,
      concurrency: 2,
      queues: ['left', 'right'],
      name: 'w',
    });
    const [left, right] = [`left-${pool}`, `right-${pool}`];
    const send = (mark: string, queue: string) =>
      crew.tasks.brief.applyAsync([mark, 20], { queue });
    const all = range(40).flatMap(() => [send(left, 'left'), send(right, 'right')]);
    let most = 0;
    let ended = false;
    const watching = (async () => {
      while (!ended) {
        // One that has just come, and has not started, may be among the reserved.
        for (const held of [
          await crew.app.inspect.active(long),
          await crew.app.inspect.reserved(long),
        ]) {
          const { w: tasks } = held;
          expect(tasks).toBeInstanceOf(Array);
          most = Math.max(most, (tasks as readonly unknown[]).length);
        }
      }
    })();
    // Half way neither has been left behind.
    const half = (): number => crew.trace.starts(left).length + crew.trace.starts(right).length;
    await eventually(half).toBeGreaterThanOrEqual(40);
    const [some, others] = [left, right].map((mark) => crew.trace.starts(mark).length) as [
      number,
      number,
    ];
    expect(Math.min(some, others)).toBeGreaterThanOrEqual(10);
    for (const one of all) await one.get(soon);
    ended = true;
    await watching;
    expect(most).toBeLessThanOrEqual(2);
    await eventually(() => worker.running).toBe(0);
  });

  it('adds up by tasks that wait for tasks, and has as many slots as before', async () => {
    const worker = await crew.worker({ pool, concurrency: pool === 'inline' ? 1 : 2 });
    expect(await crew.tasks.fib.delay(7).get({ timeout: '40s' })).toBe(13);
    await eventually(() => worker.running).toBe(0);
    const size = worker.size;
    const marks = range(size + 2).map((n) => `slots-${pool}-${n}`);
    const all = await Promise.all(marks.map((mark) => crew.tasks.deaf.delay(mark)));
    const started = (): number => marks.flatMap((mark) => crew.trace.starts(mark)).length;
    await eventually(started).toBe(size);
    await crew.app.inspect.ping(long);
    expect(started()).toBe(size);
    for (const mark of marks) crew.trace.open(mark);
    for (const one of all) expect(await one.get(soon)).toBe('done');
  });
});

it('queues that are taken on and left under load lose nothing, and run nothing twice', async () => {
  await crew.worker({ concurrency: 4, queues: ['steady'], name: 'steady' });
  const { control } = crew.app;
  const queues = ['a', 'b', 'c'];
  const all = range(150).map((n) =>
    crew.tasks.brief.applyAsync([`moving-${n}`, 5], { queue: queues[n % 3] ?? 'a' }),
  );
  for (let turn = 0; turn < 4; turn += 1) {
    for (const queue of queues) await control.addConsumer(queue, long);
    for (const queue of queues) await control.cancelConsumer(queue, long);
  }
  for (const queue of queues) await control.addConsumer(queue, long);
  for (const one of all) await one.get(soon);
  for (const n of range(150)) expect(crew.trace.starts(`moving-${n}`)).toHaveLength(1);
  for (const queue of queues)
    await eventually(() => crew.app.queues.counts(queue)).toEqual({
      waiting: 0,
      delayed: 0,
      active: 0,
      failed: 0,
    });
});

it('a queue that is left while its worker is full is left at once', async () => {
  await crew.worker({ concurrency: 1, queues: ['full', 'left'], name: 'full' });
  const held = await crew.tasks.deaf.applyAsync(['full'], { queue: 'full' });
  await crew.trace.started('full');
  const waits = await crew.tasks.brief.applyAsync(['left', 1], { queue: 'left' });
  expect(await crew.app.control.cancelConsumer('left', long)).toEqual({
    full: { ok: 'no longer consuming from left' },
  });
  crew.trace.open('full');
  expect(await held.get(soon)).toBe('done');
  const after = await crew.tasks.quick.applyAsync([1], { queue: 'full' });
  expect(await after.get(soon)).toBe(1);
  expect(crew.trace.starts('left')).toEqual([]);
  await crew.app.control.addConsumer('left', long);
  expect(await waits.get(soon)).toBe('left');
});
