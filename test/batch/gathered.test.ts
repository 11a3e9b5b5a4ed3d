/** Tasks that get many calls at a time: how they are gathered, and that each call ends by itself. */
import {
  type App,
  type BatchCall,
  currentTask,
  Ignore,
  type TaskOptions,
  TaskRevokedError,
} from 'dtask';
import type { Worker } from 'dtask/worker';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection, thrown } from '../behaviour/rejection.js';

const soon = { timeout: '15s' } as const;

async function served(concurrency = 10): Promise<App> {
  const app = stage.app();
  const worker = await stage.worker(app, { concurrency });
  onTestFinished(() => worker.stop());
  return app;
}

/** A task that doubles numbers, and tells how many it got at a time. */
function doubling(app: App, options: TaskOptions['batch'], name = 'double') {
  const sizes: number[] = [];
  const double = app.task(
    name,
    (calls: readonly BatchCall<[x: number]>[]) => {
      sizes.push(calls.length);
      return calls.map(({ args: [x] }) => x * 2);
    },
    { batch: options ?? true },
  );
  return { double, sizes };
}

describe('gathering', () => {
  test('a task gets as many calls as it wants, and the rest when its wait is over', async () => {
    const app = await served(3);
    const { double, sizes } = doubling(app, { gather: true, size: 4, wait: 50 });
    const calls = Array.from({ length: 10 }, (_, x) => double.delay(x));
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(
      Array.from({ length: 10 }, (_, x) => x * 2),
    );
    // Of a worker that runs three tasks at a time: those that wait have no slot.
    expect(Math.max(...sizes)).toBe(4);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(10);
  });

  test('no more of them run at a time than the worker has slots', async () => {
    const app = await served(2);
    let running = 0;
    let most = 0;
    let runs = 0;
    const slow = app.task(
      'slow',
      async (calls: readonly BatchCall<[x: number]>[]) => {
        most = Math.max(most, (running += 1));
        runs += 1;
        await new Promise((resolve) => setTimeout(resolve, 10));
        running -= 1;
        return calls.map(({ args }) => args[0]);
      },
      { batch: { gather: true, size: 5, wait: 5 } },
    );
    const calls = Array.from({ length: 60 }, (_, x) => slow.delay(x));
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual([...calls.keys()]);
    expect(most).toBeLessThanOrEqual(2);
    expect(runs).toBeGreaterThanOrEqual(12);
  });

  test('other tasks run while calls wait for others, also in a worker with one slot', async () => {
    const app = await served(1);
    const { double } = doubling(app, { gather: true, size: 2, wait: '1h' });
    const echo = app.task('echo', (x: number) => x);
    const first = await double.delay(1);
    await eventually(() => first.state()).toBe('STARTED');
    expect(await echo.delay(5).get(soon)).toBe(5);
    const second = double.delay(2);
    expect(await Promise.all([first.get(soon), second.get(soon)])).toEqual([2, 4]);
    expect(await echo.delay(6).get(soon)).toBe(6);
  });

  test('a worker that is told to stop runs what it has gathered', async () => {
    const app = stage.app();
    const worker = await stage.worker(app);
    const { double, sizes } = doubling(app, { gather: true, size: 10, wait: '1h' });
    const calls = await Promise.all([1, 2].map((x) => double.delay(x)));
    await eventually(() => Promise.all(calls.map((call) => call.state()))).toEqual([
      'STARTED',
      'STARTED',
    ]);
    // Redis may say so before the worker has heard of the second one.
    await eventually(() => worker.running).toBe(2);
    await worker.stop();
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual([2, 4]);
    expect(sizes).toEqual([2]);
  });

  test('a worker that stops at once gives back what it has gathered, or runs', async () => {
    const app = stage.app();
    const gate = new Gate();
    const workers: string[] = [];
    const held = app.task(
      'held',
      async (calls: readonly BatchCall<[x: number]>[]) => {
        workers.push(currentTask().worker);
        if (workers.length === 1) await gate.passed;
        return calls.map(({ args }) => args[0]);
      },
      { batch: { gather: true, size: 2, wait: '1h' } },
    );
    const first: Worker = await stage.worker(app);
    const calls = await Promise.all([1, 2, 3].map((x) => held.delay(x)));
    await eventually(async () => [workers.length, await calls[2]?.state()]).toEqual([1, 'STARTED']);
    await first.stop({ force: true });
    gate.open();
    const last = held.delay(4);
    const second = await stage.worker(app);
    expect(await Promise.all([...calls, last].map((call) => call.get(soon)))).toEqual([1, 2, 3, 4]);
    expect(workers.slice(1)).toEqual([second.name, second.name]);
  });
});

describe('ending', () => {
  test('an Error in its place fails its call alone, and is retried by the rules of the task', async () => {
    const app = await served();
    const runs: (readonly [number, number])[] = [];
    const mixed = app.task(
      'mixed',
      (calls: readonly BatchCall<[x: number]>[]) =>
        calls.map(({ args: [x], retries }) => {
          runs.push([x, retries]);
          if (x === 1) return new RangeError('not 1');
          if (x === 2 && retries < 1) return new Error('once more');
          return x === 3 ? new Ignore() : x;
        }),
      { batch: { gather: true, size: 4, wait: 20 }, maxRetries: 1, retryDelay: 1 },
    );
    const calls = [0, 1, 2, 3].map((x) => mixed.delay(x));
    expect(await Promise.allSettled(calls.map((call) => call.get(soon)))).toMatchObject([
      { value: 0 },
      { reason: { name: 'TaskFailedError', errorName: 'RangeError', message: 'not 1' } },
      { value: 2 },
      { status: 'fulfilled', value: undefined },
    ]);
    expect(runs.filter(([x]) => x === 1)).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect(runs.filter(([x]) => x === 0)).toHaveLength(1);
  });

  test('what the task throws fails all of its calls', async () => {
    const app = await served();
    const broken = app.task(
      'broken',
      (_calls: readonly BatchCall<[x: number]>[]): number[] => {
        throw new RangeError('all');
      },
      { batch: { gather: true, size: 2 } },
    );
    const calls = [1, 2].map((x) => broken.delay(x).get(soon));
    for (const end of await Promise.allSettled(calls))
      expect(end).toMatchObject({ reason: { errorName: 'RangeError', message: 'all' } });
  });

  test('a task that returns too few values is told so', async () => {
    const app = await served();
    const few = app.task('few', (_calls: readonly BatchCall<[x: number]>[]) => [1], {
      batch: { gather: true, size: 2 },
    });
    const calls = [1, 2].map((x) => few.delay(x).get(soon));
    for (const end of await Promise.allSettled(calls))
      expect(end).toMatchObject({
        reason: { message: expect.stringMatching(/got 2 calls .* returned 1 of them/) },
      });
  });

  test('a value that cannot travel fails its call alone', async () => {
    const app = await served();
    const odd = app.task(
      'odd',
      (calls: readonly BatchCall<[x: number]>[]) =>
        calls.map(({ args: [x] }) => (x === 1 ? (): number => 1 : x)),
      { batch: { gather: true, size: 2 } },
    );
    const calls = [1, 2].map((x) => odd.delay(x).get(soon));
    const [one, two] = await Promise.allSettled(calls);
    expect(one).toMatchObject({ status: 'rejected' });
    expect(two).toMatchObject({ value: 2 });
  });

  test('schemas check each call, and each value', async () => {
    const app = await served();
    const seen: unknown[] = [];
    const checked = app.task(
      'checked',
      (calls: readonly BatchCall<[x: number]>[]) => {
        seen.push(...calls.map(({ args }) => args));
        return calls.map(({ args: [x] }) => x * 2);
      },
      {
        batch: { gather: true, size: 2, wait: 20 },
        args: z.tuple([z.coerce.number()]),
        returns: z.number().max(100),
      },
    );
    const refused = checked.delay('x' as unknown as number);
    expect(await rejection(refused)).toMatchObject({ code: 'ARGUMENTS' });
    const calls = [checked.delay('4' as unknown as number), checked.delay(60)];
    const [four, sixty] = await Promise.allSettled(calls.map((call) => call.get(soon)));
    expect(four).toMatchObject({ value: 8 });
    expect(sixty).toMatchObject({ reason: { message: expect.stringMatching(/result/) } });
    expect(seen).toEqual([[4], [60]]);
  });

  test('a call that waits for others can be revoked, and one that runs hears of it', async () => {
    const app = await served();
    const gate = new Gate();
    const got: number[][] = [];
    const watched = app.task(
      'watched',
      async (calls: readonly BatchCall<[x: number]>[]) => {
        got.push(calls.map(({ args }) => args[0]));
        await gate.passed;
        return calls.map(({ args, signal }) =>
          signal.aborted ? (signal.reason as Error) : args[0],
        );
      },
      { batch: { gather: true, size: 3, wait: '1h' } },
    );
    const early = await watched.delay(1);
    await eventually(() => early.state()).toBe('STARTED');
    expect(await early.revoke()).toBe(true);
    expect(await rejection(early.get(soon))).toBeInstanceOf(TaskRevokedError);
    const calls = await Promise.all([2, 3, 4].map((x) => watched.delay(x)));
    await eventually(() => got.length).toBe(1);
    expect(got[0]?.toSorted((a, b) => a - b)).toEqual([2, 3, 4]);
    expect(await calls[1]?.revoke()).toBe(true);
    gate.open();
    expect(await Promise.allSettled(calls.map((call) => call.get(soon)))).toMatchObject([
      { value: 2 },
      { reason: { name: 'TaskRevokedError' } },
      { value: 4 },
    ]);
  });

  test('a run that takes too long fails each of its calls', async () => {
    const app = await served();
    const stuck = app.task(
      'stuck',
      (_calls: readonly BatchCall<[x: number]>[]) => new Promise<number[]>(() => undefined),
      { batch: { gather: true, size: 2 }, timeLimit: 50 },
    );
    const calls = [1, 2].map((x) => stuck.delay(x).get(soon));
    for (const end of await Promise.allSettled(calls))
      expect(end).toMatchObject({ reason: { name: 'TimeLimitExceededError' } });
  });

  test('a middleware that gives another value for many calls fails them all', async () => {
    const app = await served();
    const { double } = doubling(app, { gather: true, size: 2 });
    app.use({ run: async (_context, next) => (await next(), 5) });
    const calls = [1, 2].map((x) => double.delay(x).get(soon));
    for (const end of await Promise.allSettled(calls))
      expect(end).toMatchObject({
        reason: { message: expect.stringMatching(/a middleware gave/) },
      });
  });

  test('hooks hear of the end of each call', async () => {
    const app = await served();
    const told: string[] = [];
    app.on('taskSuccess', ({ context, value }) => void told.push(`${context.id} ${String(value)}`));
    const { double } = doubling(app, { gather: true, size: 2 });
    const calls = await Promise.all([1, 2].map((x) => double.delay(x)));
    await eventually(() => told.toSorted()).toEqual(
      calls.map(({ id }, at) => `${id} ${(at + 1) * 2}`).toSorted(),
    );
  });

  test('each call says what it carries, and in a canvas its value goes on', async () => {
    const app = await served();
    const carrying = app.task(
      'carrying',
      (calls: readonly BatchCall<[x: number]>[]) =>
        calls.map(({ id, headers, args: [x] }) => ({ id, mark: headers['mark'], x })),
      { batch: { gather: true, size: 2, wait: 20 } },
    );
    const calls = [1, 2].map((x) => carrying.applyAsync([x], { headers: { mark: `m${x}` } }));
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(
      calls.map(({ id }, at) => ({ id, mark: `m${at + 1}`, x: at + 1 })),
    );
    const { double } = doubling(app, { gather: true, size: 8, wait: 5 });
    expect(await double.s(1).pipe(double.s()).delay().get(soon)).toBe(4);
    const values: number[] = [];
    for await (const value of double.map([1, 2, 3])) values.push(value);
    expect(values).toEqual([2, 4, 6]);
    expect(await double.apply([21]).get()).toBe(42);
  });
});

describe('declaring', () => {
  test.each<[TaskOptions, RegExp]>([
    [{ maxConcurrency: 1 }, /cannot be combined with maxConcurrency/],
    [{ batch: { gather: true, size: 0 } }, /batch.size must be a whole number/],
    [{ batch: { gather: true, bytes: 5 } as unknown as true }, /bytes/],
  ])('a task that gathers, with %o, is refused', (options, text) => {
    const app = stage.app();
    const error = thrown(() =>
      app.task('no', (calls: readonly BatchCall[]) => calls, {
        batch: { gather: true },
        ...options,
      }),
    );
    expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringMatching(text) });
  });
});
