/** Redis goes away, loses its scripts, or loses everything, under a beat that goes on. */
import { App, currentTask } from 'dtask';
import { Beat, Worker } from 'dtask/worker';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../behaviour/eventually.js';
import { Engine, hasNative, needsNative } from '../support/engine.js';
import { startBeatSoon } from '../support/beat-process.js';
import { startProxy } from '../support/proxy.js';
import { RefusingProxy } from '../support/refusing-proxy.js';
import { until } from '../support/until.js';

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start({ keep: hasNative });
});
afterEach(() => engine[Symbol.asyncDispose]());

/** An App with an entry of each half second, with its worker and its beat; gives the ticks heard of. */
async function play(period: number, broker = engine.url) {
  const every = period;
  const app = new App('outage', {
    broker,
    sendTimeout: '2s',
    beat: { steady: { task: 'note', every } },
  });
  const ticks: number[] = [];
  app.task('note', () => {
    ticks.push(Date.parse((currentTask().headers['beat'] as { tick: string }).tick));
  });
  const caller = new App('outage', { broker: engine.url });
  const worker = new Worker(app, { logLevel: 'silent' });
  const beat = new Beat(app, { logLevel: 'silent' });
  onTestFinished(async () => {
    await Promise.all([beat.stop(), worker.stop({ force: true })]);
    await Promise.all([app.close(), caller.close()]);
  });
  await Promise.all([worker.start(), beat.start()]);
  await until('the first ticks were heard of', () => ticks.length >= 3);
  const redis = new Redis(engine.url);
  onTestFinished(() => redis.disconnect());
  redis.on('error', () => undefined);
  return { app, caller, ticks, redis, beat };
}

/** Every tick from the first to the last is there, once. */
function isWhole(ticks: readonly number[], period: number): void {
  const sorted = ticks.toSorted((a, b) => a - b);
  const [first = 0] = sorted;
  expect(sorted).toEqual(sorted.map((_tick, at) => first + at * period));
}

describe('while Redis is away', () => {
  it('for ten seconds no tick is lost', { timeout: 60_000 }, async ({ skip }) => {
    if (!hasNative) skip(needsNative);
    const { app, ticks } = await play(500);
    await engine.stop();
    await delay(10_000);
    const before = ticks.length;
    await engine.back();
    // Those of the ten seconds, and some more.
    await until('the ticks have come', () => ticks.length >= before + 25, 25_000);
    isWhole(ticks, 500);
    expect((await app.beat.get('steady'))?.missed).toBe(0);
  });

  it('a beat can be started and stopped', { timeout: 40_000 }, async () => {
    await engine.stop();
    const app = new App('outage', { broker: engine.url, beat: {} });
    const beat = new Beat(app, { logLevel: 'silent' });
    const started = beat.start();
    await delay(200);
    await beat.stop();
    await started;
    await app.close();
  });
});

it(
  'a beat whose connection is dead, and says nothing, comes back',
  { timeout: 60_000 },
  async () => {
    const proxy = await startProxy(engine.port);
    const { caller, ticks } = await play(500, proxy.url);
    proxy.become('blackhole');
    await delay(1_000);
    proxy.become('pass');
    const before = ticks.length;
    await until('ticks come again', () => ticks.length >= before + 20, 40_000);
    isWhole(ticks, 500);
    expect((await caller.beat.get('steady'))?.missed).toBe(0);
  },
);

it('a beat goes on when the scripts of Redis are gone', async () => {
  const { ticks, redis } = await play(200);
  await redis.script('FLUSH');
  const before = ticks.length;
  await until('ticks come again', () => ticks.length >= before + 5);
  isWhole(ticks, 200);
});

it('when all of Redis is gone the entries of the code come back, and those of run time do not', async () => {
  const { app, ticks, redis } = await play(200);
  await app.beat.add('mine', { task: 'note', every: '1h' });
  await redis.flushall();
  const before = ticks.length;
  await until('ticks come again', () => ticks.length >= before + 5);
  await eventually(async () => (await app.beat.list()).map(({ name }) => name)).toEqual(['steady']);
  expect(new Set(ticks).size).toBe(ticks.length);
});

it('a turn that Redis refuses is tried again with growing waits, and said once', async () => {
  const proxy = await RefusingProxy.start(Number(new URL(engine.url).port));
  onTestFinished(() => proxy.stop());
  const beat = await startBeatSoon({ DTASK_BROKER_URL: proxy.url }).ready();
  const times: number[] = [];
  proxy.refuse(({ words }) => {
    if (!/^evalsha?$/i.test(words[0] ?? '')) return undefined;
    times.push(performance.now());
    return 'MISCONF Redis is configured to save RDB snapshots, but it cannot.';
  });
  await until('four turns are refused', () => times.length >= 4);
  const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
  // A timer never comes early: each wait is twice the one before, and this is its lower half.
  expect(gaps[2]).toBeGreaterThan(1_500);
  proxy.relent();
  await until('turns are taken again', () => beat.output.includes('turns of beat succeed again'));
  expect(beat.output.match(/a turn of beat failed/g)).toHaveLength(1);
});
