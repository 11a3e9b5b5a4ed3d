/** What a worker counts, as Prometheus reads it. */
import { setTimeout as delay } from 'node:timers/promises';
import { Counter, register } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { App, currentTask, Ignore, Reject, signature } from 'dtask';
import type { Worker } from 'dtask/worker';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection } from '../behaviour/rejection.js';
import { startProxy } from '../support/proxy.js';
import { pageOf, samplesOf } from './pages.js';

const soon = { timeout: '15s' } as const;

async function metricsOf(worker: Worker): Promise<Map<string, number>> {
  return samplesOf(await worker.metrics());
}

/** How often each thing happened to a task, without those that never did. */
async function eventsOf(worker: Worker, task: string): Promise<Record<string, number>> {
  const events: Record<string, number> = {};
  for (const [key, value] of await metricsOf(worker)) {
    const match = /^dtask_events_total\{worker="([^"]*)",type="task-(\w+)",task="([^"]*)"\}$/.exec(
      key,
    );
    if (match?.[1] === worker.name && match[3] === task && value > 0)
      events[match[2] as string] = value;
  }
  return events;
}

describe('the counts of tasks', () => {
  it('say how every task ended', async () => {
    const app = stage.app();
    const add = app.task('add', (x: number, y: number) => x + y);
    const fail = app.task('fail', () => {
      throw new Error('no');
    });
    const flaky = app.task(
      'flaky',
      () => {
        if (currentTask().retries < 2) throw new RangeError('again');
      },
      { retryFor: RangeError, retryDelay: 10 },
    );
    const ignored = app.task('ignored', () => {
      throw new Ignore();
    });
    let rejections = 0;
    const rejected = app.task('rejected', () => {
      rejections += 1;
      if (rejections === 1) throw new Reject('not yet', { requeue: true });
    });
    const replaced = app.task('replaced', (): number =>
      currentTask().replace(signature('add', [1, 2])),
    );
    const late = app.task('late', () => undefined);
    const worker = await stage.worker(app);
    await Promise.all([add.delay(1, 2).get(soon), add.delay(3, 4).get(soon)]);
    await rejection(fail.delay().get(soon));
    await flaky.delay().get(soon);
    await ignored.delay().get(soon);
    await rejected.delay().get(soon);
    expect(await replaced.delay().get(soon)).toBe(3);
    await rejection(late.applyAsync([], { expires: new Date(Date.now() - 1_000) }).get(soon));
    await rejection(app.sendTask('made.up').get(soon));

    expect(await eventsOf(worker, 'add')).toEqual({ received: 3, started: 3, succeeded: 3 });
    expect(await eventsOf(worker, 'fail')).toEqual({ received: 1, started: 1, failed: 1 });
    expect(await eventsOf(worker, 'flaky')).toEqual({
      received: 3,
      started: 3,
      retried: 2,
      succeeded: 1,
    });
    expect(await eventsOf(worker, 'ignored')).toEqual({ received: 1, started: 1, ignored: 1 });
    expect(await eventsOf(worker, 'rejected')).toEqual({
      received: 2,
      started: 2,
      rejected: 1,
      succeeded: 1,
    });
    expect(await eventsOf(worker, 'replaced')).toEqual({ received: 1, started: 1, replaced: 1 });
    expect(await eventsOf(worker, 'late')).toEqual({ received: 1, revoked: 1 });
    // Its name is anybody's.
    expect(await eventsOf(worker, 'made.up')).toEqual({});
    expect(await eventsOf(worker, '(unknown)')).toEqual({ received: 1, failed: 1 });
  });

  it('say how long runs took, and how long tasks waited for their first one', async () => {
    const app = stage.app();
    const nap = app.task('nap', async () => {
      await delay(60);
      if (currentTask().retries === 0) currentTask().retry({ countdown: 10 });
    });
    const sent = Date.now();
    const result = await nap.delay();
    await delay(120);
    const worker = await stage.worker(app);
    const waited = (Date.now() - sent) / 1_000;
    await result.get(soon);
    const samples = await metricsOf(worker);
    const labels = `worker="${worker.name}",task="nap"`;
    const of = (name: string, more = ''): number | undefined =>
      samples.get(`dtask_task_${name}{${labels}${more}}`);
    expect(of('runtime_seconds_count')).toBe(2);
    expect(of('runtime_seconds_sum')).toBeGreaterThan(0.11);
    expect(of('runtime_seconds_bucket', ',le="0.05"')).toBe(0);
    expect(of('runtime_seconds_bucket', ',le="+Inf"')).toBe(2);
    expect(of('queue_wait_seconds_count')).toBe(1);
    expect(of('queue_wait_seconds_sum')).toBeGreaterThan(0.11);
    expect(of('queue_wait_seconds_sum')).toBeLessThan(waited + 10);
  });

  it('are kept apart from those of other workers in the process', async () => {
    const app = stage.app();
    const one = app.task('one', () => undefined, { queue: 'one' });
    const first = await stage.worker(app, { queues: ['one'] });
    const second = await stage.worker(app, { queues: ['two'] });
    await one.delay().get(soon);
    expect(await eventsOf(first, 'one')).toMatchObject({ succeeded: 1 });
    expect(await eventsOf(second, 'one')).toEqual({});
  });
});

describe('the metrics of a worker', () => {
  it('are served as Prometheus reads them, with those of the process', async () => {
    new Counter({ name: 'shop_orders_total', help: 'The app counts by itself' }).inc();
    const worker = await stage.worker(stage.app(), { httpPort: 0, concurrency: 7 });
    const response = await fetch(pageOf(worker, '/metrics'));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const text = await response.text();
    expect(text).toMatch(/^# TYPE dtask_task_runtime_seconds histogram$/m);
    const samples = samplesOf(text);
    expect(samples.get(`dtask_worker_online{worker="${worker.name}"}`)).toBe(1);
    expect(samples.get(`dtask_worker_slots{worker="${worker.name}"}`)).toBe(7);
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    // The global registry is the app's.
    expect(text).not.toContain('shop_orders_total');
    expect(await register.getMetricsAsJSON()).toHaveLength(1);
  });

  it('say what runs and what waits', async () => {
    const app = stage.app();
    const gate = new Gate();
    const hold = app.task('hold', () => gate.passed);
    const worker = await stage.worker(app, { concurrency: 1 });
    const results = await Promise.all([1, 2, 3].map(() => hold.delay()));
    await hold.applyAsync([], { countdown: '1h' });
    await eventually(async () => {
      const samples = await metricsOf(worker);
      const of = (state: string): number | undefined =>
        samples.get(`dtask_queue_tasks{queue="default",state="${state}"}`);
      return [
        of('active'),
        of('waiting'),
        of('delayed'),
        of('failed'),
        samples.get(`dtask_worker_number_of_currently_executing_tasks{worker="${worker.name}"}`),
      ];
    }).toEqual([1, 2, 1, 0, 1]);
    gate.open();
    await Promise.all(results.map((result) => result.get(soon)));
  });

  it('ask Redis once a second, however many ask for them', async () => {
    const app = stage.app();
    const worker = await stage.worker(app, { httpPort: 0 });
    await worker.metrics();
    const countsOf = async (): Promise<number> => {
      const stats = await stage.redis.info('commandstats');
      return Number(/cmdstat_zcard:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await countsOf();
    expect(before).toBeGreaterThan(0);
    const began = performance.now();
    await Promise.all(Array.from({ length: 50 }, () => fetch(pageOf(worker, '/metrics'))));
    const seconds = Math.ceil((performance.now() - began) / 1_000);
    // Three sets are counted each time.
    expect((await countsOf()) - before).toBeLessThanOrEqual(3 * (seconds + 1));
  });

  it('are there without Redis, but for what Redis knows', async () => {
    const proxy = await startProxy(Number(new URL(stage.engine.url).port));
    await using app = new App('away', { broker: proxy.url, prefix: 'away' });
    const worker = await stage.worker(app, { httpPort: 0 });
    expect(await worker.metrics()).toContain('dtask_queue_tasks{');
    proxy.become('stall');
    proxy.cut();
    await eventually(async () =>
      (await metricsOf(worker)).get(`dtask_worker_online{worker="${worker.name}"}`),
    ).toBe(0);
    const text = await (await fetch(pageOf(worker, '/metrics'))).text();
    expect(text).not.toContain('dtask_queue_tasks{');
    proxy.become('pass');
    await eventually(async () => worker.metrics()).toContain('dtask_queue_tasks{');
    await worker.stop();
  });
});
