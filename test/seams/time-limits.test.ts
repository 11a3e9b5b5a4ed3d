/** Time limits without children: what fires, what ends, and where they come from. */
import { chain } from 'dtask';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { rejection, thrown } from '../behaviour/rejection.js';
import { crew, long, pools, soon } from './crew.js';

const exceeded = { name: 'TimeLimitExceededError' } as const;

afterEach(() => crew.dismiss());

describe.each(pools)('in a pool of kind %s', (pool) => {
  it("the soft limit ends dtask's own waits with its error, which the task may catch", async () => {
    await crew.worker({ pool, concurrency: 2 });
    for (const way of ['get', 'progress', 'updateState'] as const) {
      const limits = { softTimeLimit: 150, timeLimit: '10s' } as const;
      const call = crew.tasks.softly.applyAsync([way, `never-${pool}`], limits);
      expect(await call.get(soon)).toBe(`told by ${way}`);
    }
    crew.trace.open(`never-${pool}`);
  });

  it('the hard limit ends a task for its caller, and its slot is free', async () => {
    await crew.worker({ pool, concurrency: 1 });
    const mark = `hard-${pool}`;
    const result = crew.tasks.deaf.applyAsync([mark], { timeLimit: 150 });
    expect(await rejection(result.get(soon))).toMatchObject({
      ...exceeded,
      message: expect.stringContaining('timeLimit of 150ms') as string,
    });
    expect(await crew.tasks.quick.delay(1).get(soon)).toBe(1);
    crew.trace.open(mark);
  });

  it("a worker's limits hold for tasks that say nothing; its soft one ends waits as well", async () => {
    await crew.worker({ pool, concurrency: 2, timeLimit: '4s', softTimeLimit: 150 });
    const mark = `default-${pool}`;
    expect(await rejection(crew.tasks.deaf.delay(mark).get(soon))).toMatchObject(exceeded);
    expect(await crew.tasks.softly.delay('get', `${mark}-child`).get(soon)).toBe('told by get');
    expect(
      await rejection(crew.tasks.obedient.applyAsync([mark], { maxRetries: 0 }).get(soon)),
    ).toMatchObject({ name: 'SoftTimeLimitExceededError' });
    crew.trace.open(mark);
    crew.trace.open(`${mark}-child`);
  });

  it('a limit that is set at run time holds from the next run on, until it is taken back', async () => {
    await crew.worker({ pool, concurrency: 1 });
    const mark = `set-${pool}`;
    await crew.app.control.timeLimit('deaf', { hard: 200 }, long);
    expect(await rejection(crew.tasks.deaf.delay(mark).get(soon))).toMatchObject(exceeded);
    // The call's own is stronger.
    const patient = crew.tasks.deaf.applyAsync([`${mark}-call`], { timeLimit: '1m' });
    await crew.trace.started(`${mark}-call`);
    crew.trace.open(`${mark}-call`);
    expect(await patient.get(soon)).toBe('done');
    await crew.app.control.timeLimit('deaf', null, long);
    crew.trace.open(mark);
    expect(await crew.tasks.deaf.delay(mark).get(soon)).toBe('done');
  });

  it('limits of weeks, longer than a timer can be, strike nobody', async () => {
    await crew.worker({ pool, concurrency: 1 });
    const mark = `weeks-${pool}`;
    const limits = { softTimeLimit: '59d', timeLimit: '60d' } as const;
    const result = crew.tasks.deaf.applyAsync([mark], limits);
    await crew.trace.started(mark);
    crew.trace.open(mark);
    expect(await result.get(soon)).toBe('done');
  });

  it('a task that retries on every error is tried again when its limit has ended it', async () => {
    await crew.worker({ pool, concurrency: 1 });
    expect(await crew.tasks.hangTwice.delay().get(soon)).toBe(2);
  });

  it('a task that is ended while it waits for another leaves as many slots as there were', async () => {
    await crew.worker({ pool, concurrency: 1 });
    const mark = `lent-${pool}`;
    const result = crew.tasks.waits.applyAsync([mark], { timeLimit: 300 });
    expect(await rejection(result.get(soon))).toMatchObject(exceeded);
    crew.trace.open(`${mark}-child`);
    const marks = [1, 2, 3].map((n) => `${mark}-${n}`);
    const all = await Promise.all(marks.map((one) => crew.tasks.deaf.delay(one)));
    await eventually(() => marks.flatMap((one) => crew.trace.starts(one)).length).toBe(1);
    await eventually(async () => (await crew.app.queues.counts('default')).active).toBe(1);
    for (const one of marks) crew.trace.open(one);
    for (const one of all) expect(await one.get(soon)).toBe('done');
  });

  it('a task knows its deadline', async () => {
    await crew.worker({ pool, concurrency: 1 });
    const before = Date.now();
    const told = await crew.tasks.deadline.applyAsync([], { timeLimit: '1h' }).get(soon);
    expect(told).toBeGreaterThanOrEqual(before + 3_600_000);
    expect(told).toBeLessThanOrEqual(Date.now() + 3_600_000);
    expect(await crew.tasks.deadline.delay().get(soon)).toBeUndefined();
  });

  it('a step of a canvas has the limit that it was given, and what follows it is told', async () => {
    await crew.worker({ pool, concurrency: 1 });
    const mark = `step-${pool}`;
    const errback = crew.tasks.onError.si(`${mark}-errback`);
    const step = crew.tasks.deaf.s(mark).set({ timeLimit: 200 }).onError(errback);
    const chained = await chain(step, crew.tasks.quick.si('never')).delay();
    expect(await rejection(chained.get(soon))).toMatchObject(exceeded);
    await crew.trace.started(`${mark}-errback`);
    crew.trace.open(mark);
  });
});

it('inline, a task that blocks the CPU beyond its hard limit fails as any other, and may be retried', async () => {
  await crew.worker({ pool: 'inline', concurrency: 1 });
  for (const how of ['at once', 'first', 'later'] as const) {
    const result = crew.tasks.block.applyAsync([how, 400], { timeLimit: 150 });
    expect(await rejection(result.get(soon))).toMatchObject({
      ...exceeded,
      message: `task block[${result.id}] ran for longer than its timeLimit of 150ms`,
    });
    const roomy = crew.tasks.block.applyAsync([how, 50], { timeLimit: '1m' });
    expect(await roomy.get(soon)).toBe('done');
  }
  const again = crew.tasks.blockTwice.applyAsync([400], { timeLimit: 150 });
  expect(await again.get(soon)).toBe(2);
});

it('a task that leaves a get() behind that nobody awaits leaves the slots as they were', async () => {
  const worker = await crew.worker({ concurrency: 2 });
  expect(await crew.tasks.careless.delay('left').get(soon)).toBe('gone on');
  await crew.trace.started('left');
  // One slot of two is free.
  const marks = ['after-1', 'after-2'];
  const all = await Promise.all(marks.map((one) => crew.tasks.deaf.delay(one)));
  await eventually(() => marks.flatMap((one) => crew.trace.starts(one)).length).toBe(1);
  await crew.app.inspect.ping(long);
  expect(worker.running).toBe(2);
  for (const one of ['left', ...marks]) crew.trace.open(one);
  for (const one of all) expect(await one.get(soon)).toBe('done');
});

it('a soft limit that is not below the hard one is refused wherever both are said', async () => {
  const { app, tasks } = crew;
  for (const soft of [200, 300]) {
    const limits = { softTimeLimit: soft, timeLimit: 200 };
    const refused = { name: 'ConfigError' };
    expect(thrown(() => app.task('never.made', () => 1, limits))).toMatchObject(refused);
    const call = tasks.deaf.applyAsync(['x'], limits);
    expect(await rejection(call)).toMatchObject(refused);
    expect(await rejection(crew.worker({ ...limits }))).toMatchObject(refused);
    const change = app.control.timeLimit('deaf', { soft, hard: 200 }, long);
    expect(await rejection(change)).toMatchObject(refused);
  }
});

it('a limit of a call does not go with the one that its task declares where soft is not below hard', async () => {
  const task = crew.app.task('limited', () => 1, { softTimeLimit: '4s', timeLimit: '10s' });
  const both = 'softTimeLimit must be below timeLimit, so that the task has time to clean up; got';
  expect(await rejection(task.applyAsync([], { softTimeLimit: '20s' }))).toMatchObject({
    name: 'ConfigError',
    message: `${both} 20s and 10s, with what the task declares`,
  });
  expect(await rejection(task.applyAsync([], { timeLimit: '3s' }))).toMatchObject({
    message: `${both} 4s and 3s, with what the task declares`,
  });
});
