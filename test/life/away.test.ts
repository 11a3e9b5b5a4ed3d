/** What is stopped and closed while Redis is gone, frozen, or behind a network that is dead: each has its limit. */
import { App } from 'dtask';
import { Beat, Worker } from 'dtask/worker';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Gate } from '../behaviour/gate.js';
import { Engine, hasNative, needsNative } from '../support/engine.js';
import { Proxy } from '../support/proxy.js';
import { until } from '../support/until.js';

let engine: Engine;
let proxy: Proxy;
let thaw: () => void;
beforeEach(async () => {
  engine = await Engine.start({ keep: hasNative });
  proxy = await Proxy.start(engine.port);
  thaw = () => undefined;
});
afterEach(async () => {
  thaw();
  await proxy.stop();
  await engine[Symbol.asyncDispose]();
});

/** The ways in which Redis is not there. */
const outages = {
  gone: () => engine.kill(),
  frozen: () => {
    thaw = engine.freeze();
  },
  'behind a dead network': () => proxy.become('blackhole'),
};

describe.each(Object.keys(outages) as (keyof typeof outages)[])('while Redis is %s', (how) => {
  it('a worker without tasks, a beat and an App with calls on their way end in time', async () => {
    const { app, worker, beat } = await begin();
    const events = app.events();
    const event = events.next();
    const waiting = app.result('some-id').get();
    await outages[how]();
    const call = app.sendTask('never').then(undefined, () => 'not sent');
    const asked = app.inspect.ping().catch(() => 'not asked');
    const started = performance.now();
    const early = Promise.all([worker.stop(), beat.stop()]).then(() => app.close());
    const ends = [early, waiting.catch(() => 'no result'), call, asked, event.catch(() => 'over')];
    await Promise.all(ends);
    // Five seconds for what nothing waits for, one for each connection, and what a busy machine adds.
    expect(performance.now() - started).toBeLessThan(20_000);
    expect([worker.state, beat.state]).toEqual(['stopped', 'stopped']);
    await nobodyConnects();
  });

  it('an App alone is closed in time', async () => {
    const { app, worker, beat } = await begin();
    await outages[how]();
    const started = performance.now();
    await app.close();
    expect(performance.now() - started).toBeLessThan(15_000);
    await Promise.all([worker.stop(), beat.stop()]);
  });

  it('a stop with force leaves the task that runs, and nothing else behind', async () => {
    const { app, worker, beat, begun } = await begin();
    await app.sendTask('held');
    await begun.passed;
    await outages[how]();
    const started = performance.now();
    await worker.stop({ force: true });
    expect(performance.now() - started).toBeLessThan(12_000);
    await Promise.all([beat.stop(), app.close()]);
    await nobodyConnects();
  });
});

it('a worker whose task has ended waits for Redis to hear of that', async ({ skip }) => {
  if (!hasNative) skip(needsNative);
  const { app, worker, beat, begun, gate } = await begin(engine.url);
  const call = await app.sendTask('held');
  await begun.passed;
  await engine.stop();
  const stopped = worker.stop();
  gate.open();
  await engine.back();
  await stopped;
  const redis = new Redis(engine.url);
  redis.on('error', () => undefined);
  onTestFinished(() => redis.disconnect());
  expect(await redis.exists(`dtask:r:${call.id}`)).toBe(1);
  await Promise.all([beat.stop(), app.close()]);
});

it(
  'a worker whose task has ended does not wait for ever for a Redis that does not come back',
  { timeout: 80_000 },
  async () => {
    const { app, worker, beat, begun, gate } = await begin(engine.url);
    await app.sendTask('held');
    await begun.passed;
    await engine.kill();
    gate.open();
    await worker.stop();
    expect(worker.state).toBe('stopped');
    await Promise.all([beat.stop(), app.close()]);
  },
);

/** A worker, a beat, and their App, at work; a task that waits for a gate. */
async function begin(broker = proxy.url) {
  const app = new App('away', { broker, sendTimeout: '3s', beat: {} });
  const gate = new Gate();
  const begun = new Gate();
  app.task('held', async () => {
    begun.open();
    await gate.passed;
    return 'done';
  });
  const worker = new Worker(app, { logLevel: 'silent' });
  const beat = new Beat(app, { logLevel: 'silent' });
  onTestFinished(async () => {
    await Promise.all([worker.stop({ force: true }), beat.stop(), app.close()]);
  });
  await Promise.all([worker.start(), beat.start()]);
  return { app, worker, beat, gate, begun };
}

/** Nobody is connected, nor tries to be for longer than the longest pause between two tries. */
async function nobodyConnects(): Promise<void> {
  thaw();
  let quietSince = performance.now();
  let { accepted } = proxy;
  await until('nobody connects', () => {
    if (proxy.open > 0 || proxy.accepted !== accepted) {
      ({ accepted } = proxy);
      quietSince = performance.now();
    }
    return performance.now() - quietSince > 2_000;
  });
}
