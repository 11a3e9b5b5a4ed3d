/** Limits that change while tasks wait, that meet retries and dying workers, and what waiting costs. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { app } from '../behaviour/own-app.js';
import { stage } from '../behaviour/own-stage.js';
import { report } from '../support/report.js';

const soon = { timeout: '25s' } as const;
const long = { timeout: '20s' } as const;

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const delayed = async (): Promise<number> => (await app.queues.counts('default')).delayed;

/** How many commands Redis has carried out, but for scripts' own: those of its `INFO`. */
async function commands(redis: Redis): Promise<number> {
  const info = await redis.info('commandstats');
  let sum = 0;
  for (const [, calls] of info.matchAll(/^cmdstat_[^:]+:calls=(\d+)/gm)) sum += Number(calls);
  return sum;
}

describe('a rate that is changed at run time', () => {
  it('has those who wait ask for a new turn', async () => {
    const slow = app.task('slow', (n: number) => n, { rateLimit: '1/h' });
    const other = app.task('other', (n: number) => n, { rateLimit: '1/h' });
    await stage.worker(app);
    const all = await Promise.all(range(8).map((n) => slow.delay(n)));
    const others = await Promise.all(range(3).map((n) => other.delay(n)));
    await eventually(delayed).toBe(9);
    await app.control.rateLimit('slow', '50/s', long);
    const values = await Promise.all(all.map((one) => one.get(soon)));
    expect(values).toEqual(range(8));
    await eventually(delayed).toBe(2);
    expect(await Promise.all(others.map((one) => one.ready()))).toContain(false);
  });

  it('and that is taken back holds again as it was declared', async () => {
    const declared = app.task('declared', (n: number) => n, { rateLimit: '20/s' });
    await stage.worker(app);
    await app.control.rateLimit('declared', '1/h', long);
    const all = await Promise.all(range(5).map((n) => declared.delay(n)));
    await eventually(delayed).toBe(4);
    await app.control.rateLimit('declared', null, long);
    expect(await Promise.all(all.map((one) => one.get(soon)))).toEqual(range(5));
  });

  it('is that of each key, and of a worker by itself', async () => {
    const keyed = app.task('keyed*', (user: string) => user, {
      rateLimit: '1/h',
      rateLimitKey: (user) => user,
    });
    const local = app.task('local', (n: number) => n, {
      rateLimit: '1/h',
      rateLimitScope: 'worker',
    });
    await stage.worker(app);
    const users = ['ann', 'ann', 'bob', 'bob', '[x]', '[x]'];
    const all = await Promise.all([
      ...users.map((user) => keyed.delay(user)),
      ...range(3).map((n) => local.delay(n)),
    ]);
    await eventually(delayed).toBe(5);
    await app.control.rateLimit('keyed*', '50/s', long);
    await app.control.rateLimit('local', '50/s', long);
    for (const one of all) await one.get(soon);
    expect(await delayed()).toBe(0);
  });

  it('leaves those alone that wait for another reason', async () => {
    let runs = 0;
    const retried = app.task(
      'retried',
      () => {
        runs += 1;
        throw new Error('later');
      },
      { rateLimit: '100/s', maxRetries: 3, retryDelay: '10m' },
    );
    await stage.worker(app);
    const tasks = await Promise.all(range(3).map(() => retried.delay()));
    const due = await retried.applyAsync([], { countdown: '10m' });
    await eventually(delayed).toBe(4);
    await eventually(() => runs).toBe(3);
    await app.control.rateLimit('retried', '200/s', long);
    expect(await delayed()).toBe(4);
    expect(runs).toBe(3);
    for (const one of [...tasks, due]) expect(await one.ready()).toBe(false);
  });
});

describe('a unique task', () => {
  it('that waits for its turn is unique until it starts', async () => {
    const task = app.task('unique.limited', (n: number) => n, {
      unique: { until: 'started' },
      rateLimit: '1/h',
    });
    await stage.worker(app);
    const first = await task.delay(1);
    expect(await first.get(soon)).toBe(1);
    const second = await task.delay(1);
    await eventually(delayed).toBe(1);
    await app.control.rateLimit('unique.limited', '50/s', long);
    expect(await second.get(soon)).toBe(1);
  });

  it('stays so while it is retried, and is free when it has ended', async () => {
    let runs = 0;
    const again = new Gate();
    const task = app.task(
      'unique.retried',
      async () => {
        runs += 1;
        if (runs < 3) throw new Error('not yet');
        await again.passed;
        return runs;
      },
      { unique: true, maxRetries: 5, retryDelay: 10 },
    );
    await stage.worker(app);
    const first = await task.delay();
    await eventually(() => runs).toBe(3);
    const second = await task.delay();
    expect(second.id).toBe(first.id);
    again.open();
    expect(await first.get(soon)).toBe(3);
    await eventually(async () => (await task.delay()).id).not.toBe(first.id);
  });
});

describe('many who wait', () => {
  it('for one place cost Redis so much each, and nothing while they wait', async () => {
    const gate = new Gate();
    const most = { now: 0, ever: 0 };
    const alone = app.task(
      'alone',
      async (n: number) => {
        most.ever = Math.max(most.ever, (most.now += 1));
        await gate.passed;
        most.now -= 1;
        return n;
      },
      { maxConcurrency: 1, ignoreResult: true },
    );
    await stage.worker(app);
    const before = await commands(stage.redis);
    await Promise.all(range(2_000).map((n) => alone.delay(n)));
    await eventually(delayed).toBe(1_999);
    const idle = await commands(stage.redis);
    await pause(3_000);
    const idled = (await commands(stage.redis)) - idle;
    gate.open();
    await expect
      .poll(async () => Object.values(await app.queues.counts('default')).join(), {
        timeout: 30_000,
        interval: 250,
      })
      .toBe('0,0,0,0');
    const all = (await commands(stage.redis)) - before;
    report('2,000 tasks wait for one place', {
      'commands of Redis a task': Math.round(all / 2_000),
      'commands in 3 s of waiting': idled,
    });
    expect(most.ever).toBe(1);
    expect(idled).toBeLessThan(300);
    // With those that BullMQ's scripts and ours call within themselves.
    expect(all / 2_000).toBeLessThan(200);
  });

  it('for an hour cost nearly nothing, neither Redis nor the worker', async () => {
    const hourly = app.task('hourly', (n: number) => n, { rateLimit: '1/h', ignoreResult: true });
    await stage.worker(app);
    await Promise.all(range(5_000).map((n) => hourly.delay(n)));
    await eventually(delayed).toBe(4_999);
    await pause(200);
    const before = await commands(stage.redis);
    const cpu = process.cpuUsage();
    await pause(4_000);
    const { user, system } = process.cpuUsage(cpu);
    const idled = (await commands(stage.redis)) - before;
    report('5,000 tasks wait for an hour', {
      'commands in 4 s': idled,
      'CPU of the process in 4 s, ms': Math.round((user + system) / 1_000),
    });
    expect(idled).toBeLessThan(400);
    expect((user + system) / 1_000).toBeLessThan(1_000);
  });
});
