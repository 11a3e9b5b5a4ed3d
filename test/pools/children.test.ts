/** Tasks in threads and in processes: what they may do, and what becomes of them. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { rejection } from '../behaviour/rejection.js';
import { crew } from './crew.js';

const soon = { timeout: '20s' } as const;

describe.each(['threads', 'processes'] as const)('a pool of %s', (pool) => {
  beforeAll(async () => {
    await crew.worker({ pool, concurrency: 2, name: `pool-${pool}` });
  });
  afterAll(() => crew.dismiss());

  it('runs tasks beside the worker, as many at a time as it has children', async () => {
    let distinct = new Set<string>();
    // The second child may still be loading.
    await eventually(async () => {
      distinct = new Set(
        await Promise.all([50, 50, 50, 50].map((ms) => crew.tasks.where.delay(ms).get(soon))),
      );
      return distinct.size;
    }).toBe(2);
    expect(distinct).not.toContain(`${process.pid}/0`);
  });

  it('has a worker that answers while its tasks block their event loops', async () => {
    const { app, burnAtFirst } = crew.tasks;
    const mark = `answers-${pool}`;
    const burning = await burnAtFirst.delay(mark);
    await crew.trace.started(mark);
    const destination = `pool-${pool}`;
    for (let round = 0; round < 5; round += 1)
      expect(await app.inspect.ping({ destination })).toEqual({ [destination]: { ok: 'pong' } });
    // It blocks until it is there a second time.
    expect(await burning.state()).toBe('STARTED');
    expect(await burnAtFirst.delay(mark).get(soon)).toBe(mark);
    expect(await burning.get(soon)).toBe(mark);
  });

  it('leaves a task that asks for it on the event loop of the worker', async () => {
    expect(await crew.tasks.whereInline.delay().get(soon)).toMatch(new RegExp(`^${process.pid}/`));
  });

  it('carries values of all kinds there and back', async () => {
    const given = {
      date: new Date(0),
      map: new Map([['a', new Set([1n])]]),
      bytes: Buffer.from('ü'),
      nothing: undefined,
      text: 'x\n'.repeat(50_000),
      line: '\u2028"\\',
    };
    expect(await crew.tasks.values.delay(given).get(soon)).toEqual(given);
    expect(await crew.tasks.values.delay(undefined).get(soon)).toBeUndefined();
    expect(await crew.tasks.values.delay(null).get(soon)).toBeNull();
  });

  it('retries by the classes of errors that only the code knows', async () => {
    expect(await crew.tasks.flaky.delay(2).get(soon)).toBe(2);
    expect(await rejection(crew.tasks.flaky.delay(4).get(soon))).toMatchObject({
      name: 'TaskFailedError',
      errorName: 'RangeError',
      message: 'failure 4',
    });
  });

  it('lets tasks be ignored, rejected, and replaced by a canvas', async () => {
    expect(await crew.tasks.ignored.delay().get(soon)).toBeUndefined();
    expect(await rejection(crew.tasks.rejected.delay().get(soon))).toMatchObject({
      name: 'Reject',
    });
    expect(await crew.tasks.replaced.delay(1).get(soon)).toBe(12);
  });

  it('tells of progress while a task runs', async () => {
    const seen: unknown[] = [];
    const onProgress = (info: unknown): void => void seen.push(info);
    expect(await crew.tasks.steps.delay(3).get({ ...soon, onProgress })).toBe(3);
    expect(seen.at(-1)).toEqual({ step: 3 });
  });

  it("tells events of a task's own", async () => {
    await crew.tasks.app.control.enableEvents({ timeout: '10s' });
    const seen: unknown[] = [];
    const listening = (async () => {
      for await (const event of crew.tasks.app.events({ types: ['task-custom'], since: 'now' })) {
        seen.push([event.name, event.event, event.fields]);
        if (seen.length >= 2) break;
      }
    })();
    // The reader is there when the first of many comes.
    await eventually(async () => {
      await crew.tasks.telling.delay(3).get(soon);
      return seen.length;
    }).toBeGreaterThanOrEqual(2);
    await listening;
    expect(seen.slice(0, 2)).toEqual([
      ['telling', 'page-done', { page: 3, at: '1970-01-01T00:00:00.000Z' }],
      ['telling', 'nothing-more', {}],
    ]);
  });

  it('says what cannot travel, and goes on', async () => {
    expect(await rejection(crew.tasks.unsendable.delay().get(soon))).toMatchObject({
      name: 'EncodeError',
    });
    expect(await crew.tasks.add.delay(1, 2).get(soon)).toBe(3);
  });

  it('fails a task whose code throws where nobody looks, and nothing else', async () => {
    expect(await rejection(crew.tasks.stray.delay().get(soon))).toMatchObject({
      message: 'thrown where nobody looks',
    });
    expect(await crew.tasks.add.delay(1, 2).get(soon)).toBe(3);
  });

  it('does not let the next task pay for what one has left behind', async () => {
    // More than there are children, so that each has one more task behind it.
    await Promise.all([1, 2, 3, 4].map(() => crew.tasks.strayLate.delay(300).get(soon)));
    const mark = `behind-${pool}`;
    const next = [1, 2].map((x) => crew.tasks.gated.delay(mark, x).get(soon));
    await crew.trace.started(mark, 2);
    await pause(600);
    crew.trace.open(mark);
    expect(await Promise.all(next)).toEqual([1, 2]);
    expect(crew.trace.starts(mark)).toHaveLength(2);
  });

  it('kills a task that hangs at its time limit, and has room for the next', async () => {
    const hanging = crew.tasks.hang.delay('hang');
    const next = crew.tasks.add.delay(1, 2);
    expect(await rejection(hanging.get(soon))).toMatchObject({
      name: 'TimeLimitExceededError',
      message: expect.stringContaining('timeLimit of 500ms') as string,
    });
    expect(await next.get(soon)).toBe(3);
    expect(
      await crew.tasks.hang
        .applyAsync(['hang'], { timeLimit: 300 })
        .get({ ...soon, propagate: false }),
    ).toBeInstanceOf(Error);
  });

  it('gives hooks that hang as long as their task, and then has room for the next', async () => {
    const hooked = [1, 2, 3, 4].map((x) => crew.tasks.hooked.delay(x).get(soon));
    expect(await Promise.all(hooked)).toEqual([1, 2, 3, 4]);
    expect(await crew.tasks.add.delay(1, 2).get(soon)).toBe(3);
  });

  it('tries a task that hangs again, where it retries', async () => {
    expect(await crew.tasks.hangTwice.delay().get(soon)).toBe('at last');
  });

  it('tells a task of its soft time limit', async () => {
    const [tidied, error] = await Promise.all([
      crew.tasks.tidy.delay().get(soon),
      rejection(crew.tasks.untidy.delay().get(soon)),
    ]);
    expect(tidied).toBe('tidied up');
    expect(error).toMatchObject({ name: 'SoftTimeLimitExceededError' });
  });

  it('fails a task that throws when it is told of its soft time limit, and knows it there', async () => {
    const mark = `clumsy-${pool}`;
    expect(await rejection(crew.tasks.clumsy.delay(mark).get(soon))).toMatchObject({
      name: 'TaskFailedError',
      message: 'clumsy stumbled',
    });
    expect(crew.trace.starts(mark)).toHaveLength(1);
  });

  it('runs a task again that ended its child, three times at most', async () => {
    const mark = `quit-${pool}`;
    const quitting = crew.tasks.quit.delay(mark, 3);
    const beside = await Promise.all([1, 2, 3, 4].map((n) => crew.tasks.add.delay(n, n).get(soon)));
    expect(beside).toEqual([2, 4, 6, 8]);
    expect(await rejection(quitting.get(soon))).toMatchObject({
      name: 'WorkerLostError',
      message: expect.stringMatching(/killed its process 3 times: exit code 3/) as string,
    });
    expect(crew.trace.starts(mark)).toHaveLength(3);
    expect((await crew.tasks.app.queues.counts('default')).active).toBe(0);
  });
});

describe.each(['threads', 'processes'] as const)('a pool of %s of its own', (pool) => {
  afterEach(() => crew.dismiss());

  it('shows a task its context', async () => {
    await crew.worker({ pool, concurrency: 1, name: `ctx-${pool}` });
    const sent = crew.tasks.context.applyAsync([], { headers: { a: 1 }, timeLimit: '1m' });
    expect(await sent.get(soon)).toMatchObject({
      id: sent.id,
      name: 'context',
      retries: 0,
      queue: 'default',
      worker: `ctx-${pool}`,
      headers: { a: 1 },
      deadline: expect.any(Date) as Date,
    });
  });

  it('lets tasks wait for each other, though it has a single child', async () => {
    await crew.worker({ pool, concurrency: 1 });
    expect(await crew.tasks.depth.delay(6).get(soon)).toBe(6);
  });

  it('replaces a child that has had its number of tasks', async () => {
    await crew.worker({ pool, concurrency: 1, maxTasksPerChild: 2 });
    const places: string[] = [];
    for (let turn = 0; turn < 6; turn += 1) places.push(await crew.tasks.where.delay(0).get(soon));
    expect(new Set(places).size).toBe(3);
    expect(places[0]).toBe(places[1]);
    expect(places[1]).not.toBe(places[2]);
  });

  it('replaces a child that keeps too much memory', async () => {
    await crew.worker({ pool, concurrency: 1, maxMemoryPerChild: 400 * 1024 * 1024 });
    const before = await crew.tasks.where.delay(0).get(soon);
    expect(await crew.tasks.where.delay(0).get(soon)).toBe(before);
    await crew.tasks.leak.delay(450).get(soon);
    expect(await crew.tasks.where.delay(0).get(soon)).not.toBe(before);
  });

  it('keeps the locks of tasks that block their children', async () => {
    const mark = `burn-${pool}`;
    await crew.worker({
      pool,
      concurrency: 1,
      lockDuration: 1_000,
      stalledInterval: 500,
    });
    await crew.worker({ pool, concurrency: 1, lockDuration: 1_000, stalledInterval: 500 });
    const burning = crew.tasks.burn.delay(mark, 4_000);
    await crew.trace.started(mark);
    expect(await burning.get(soon)).toBe(true);
    // With a lock of one second, and another worker who looks for what was lost.
    expect(crew.trace.starts(mark)).toHaveLength(1);
  });

  it('grows while there is a backlog, as far as it may', async () => {
    const worker = await crew.worker({ pool, autoscale: '3,1' });
    expect(worker.size).toBe(1);
    const marks = [0, 1, 2].map((n) => `scale-${pool}-${n}`);
    const all = marks.map((mark) => crew.tasks.gated.delay(mark, 1));
    for (const mark of marks) await crew.trace.started(mark);
    expect(worker.size).toBe(3);
    for (const mark of marks) crew.trace.open(mark);
    for (const result of all) expect(await result.get(soon)).toBe(1);
  });

  it('takes more tasks at a time, or fewer, while it runs', async () => {
    const worker = await crew.worker({ pool, concurrency: 1 });
    const marks = ['a', 'b'].map((letter) => `resize-${pool}-${letter}`);
    const all = marks.map((mark) => crew.tasks.gated.delay(mark, 1));
    await eventually(() => worker.running).toBe(1);
    worker.resize(2);
    for (const mark of marks) await crew.trace.started(mark);
    worker.resize(1);
    for (const mark of marks) crew.trace.open(mark);
    for (const result of all) expect(await result.get(soon)).toBe(1);
    expect(await crew.tasks.add.delay(1, 2).get(soon)).toBe(3);
  });
});

describe('a thread', () => {
  afterEach(() => crew.dismiss());

  it('that needs more memory than there is fails its task alone', async () => {
    await crew.worker({ pool: 'threads', concurrency: 2, maxMemoryPerChild: 64 * 1024 * 1024 });
    const swelling = crew.tasks.swell.delay();
    expect(await crew.tasks.add.delay(1, 2).get(soon)).toBe(3);
    expect(await rejection(swelling.get(soon))).toMatchObject({
      name: 'WorkerLostError',
    });
    expect(await crew.tasks.add.delay(1, 2).get(soon)).toBe(3);
  });
});

describe('a process', () => {
  afterEach(() => crew.dismiss());

  it('that kills itself at first is run again, and may succeed', async () => {
    await crew.worker({ pool: 'processes', concurrency: 1 });
    expect(await crew.tasks.killItselfAtFirst.delay('first', 2).get(soon)).toBe('survived');
    expect(crew.trace.starts('first')).toHaveLength(3);
  });

  it('runs what is delivered at most once only once', async () => {
    await crew.worker({ pool: 'processes', concurrency: 1 });
    expect(await rejection(crew.tasks.killOnce.delay('once').get(soon))).toMatchObject({
      name: 'WorkerLostError',
    });
    expect(crew.trace.starts('once')).toHaveLength(1);
  });

  it('ends with its worker', async () => {
    const worker = await crew.worker({ pool: 'processes', concurrency: 2 });
    const [pid = ''] = (await crew.tasks.where.delay(0).get(soon)).split('/');
    await worker.stop();
    await eventually(() => isAlive(Number(pid))).toBe(false);
  });
});

it('children are refused where nobody says what they are to load', async () => {
  const { Worker } = await import('dtask/worker');
  const worker = new Worker(crew.tasks.app, { pool: 'processes', name: 'x', logLevel: 'silent' });
  try {
    expect(await rejection(worker.start())).toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining('module: import.meta.url') as string,
    });
  } finally {
    await worker.stop();
  }
});

it('children that cannot load the app keep the worker from starting', async () => {
  const starting = crew.worker({
    pool: 'processes',
    concurrency: 1,
    module: { file: '/nowhere/app.js' },
  });
  expect(await rejection(starting)).toMatchObject({ name: 'StartupError' });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // There is no such process.
    return false;
  }
}
