/** Redis goes away and comes back, under workers and callers that go on. */
import { BrokerError } from 'dtask';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Engine, hasNative, needsNative } from '../support/engine.js';
import { report } from '../support/report.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorker, startWorkerSoon } from '../support/worker-process.js';

let engine: Engine;
afterEach(() => engine[Symbol.asyncDispose]());

describe.each([
  ['restarted', (): Promise<void> => engine.stop()],
  ['killed with SIGKILL and started again', (): Promise<void> => engine.kill()],
] as const)('Redis is %s', (_how, goAway) => {
  beforeEach(async ({ skip }) => {
    engine = await Engine.start({ keep: hasNative });
    if (!hasNative) skip(needsNative);
  });

  it('under a waiting get() and a working worker: both go on', { timeout: 40_000 }, async () => {
    const { app, trace, environment } = fromStage();
    const worker = await startWorker({ env: environment, flags: ['-c', '2'] });
    const running = await app.sendTask('gated', ['under', 6]);
    const waiting = app.sendTask('gated', ['under', 7]);
    const behind = app.sendTask('nap', ['behind', 5, 8]);
    await Promise.all([waiting, behind]);
    await trace.started('under', 2);
    const values = Promise.all(
      [running, waiting, behind].map((call) => call.get({ timeout: '30s' })),
    );
    await goAway();
    // The tasks end while there is no Redis to tell.
    trace.open('under');
    await until('both have ended', () => trace.ends('under') >= 2);
    await engine.back();
    const back = performance.now();
    expect(await values).toMatchObject([{ square: 36 }, { square: 49 }, 25]);
    expect(await app.sendTask('echo', ['after']).get({ timeout: '15s' })).toBe('after');
    const took = performance.now() - back;
    report('Redis back', { 'all results and a new call after ms': took });
    expect(took).toBeLessThan(15_000);
    expect(worker.hasEnded).toBe(false);
  });

  it(
    'while calls are on their way: each is sent in the end or says that it was not',
    { timeout: 40_000 },
    async () => {
      const { app, environment } = fromStage();
      await startWorker({ env: environment });
      expect(await app.sendTask('echo', [0]).get({ timeout: '10s' })).toBe(0);
      const before = [...Array(100).keys()].map((x) => app.sendTask('echo', [x]));
      const gone = goAway();
      const during = [...Array(100).keys()].map((x) => app.sendTask('echo', [100 + x]));
      await gone;
      const after = [...Array(100).keys()].map((x) => app.sendTask('echo', [200 + x]));
      const calls = [...before, ...during, ...after];
      const sent = Promise.allSettled(calls);
      await engine.back();
      const fates = await sent;
      const refused = fates.filter(({ status }) => status === 'rejected');
      for (const fate of refused)
        expect((fate as PromiseRejectedResult).reason).toBeInstanceOf(BrokerError);
      const accepted = fates.flatMap((fate, x) =>
        fate.status === 'fulfilled' ? [{ x, result: fate.value }] : [],
      );
      const values = await Promise.all(
        accepted.map(({ result }) => result.get({ timeout: '20s' })),
      );
      expect(values).toEqual(accepted.map(({ x }) => x));
      report('300 calls around the end of Redis', {
        sent: accepted.length,
        refused: refused.length,
      });
      // Redis is back well within the ten seconds for which a call waits.
      expect(accepted.length).toBeGreaterThanOrEqual(200);
    },
  );
});

describe('Redis is not there yet', () => {
  it('when a worker starts: it says so, waits, and then works', async () => {
    engine = await Engine.start();
    const { app, environment } = fromStage();
    await engine.stop();
    const worker = startWorkerSoon({ env: environment });
    const line = await worker.logged(/cannot start yet/, 20_000);
    expect(line.msg).toContain(`127.0.0.1:${engine.port}`);
    expect(worker.log.some(({ msg }) => msg === 'ready')).toBe(false);
    await engine.back();
    await worker.ready();
    expect(await app.sendTask('echo', ['hello']).get({ timeout: '10s' })).toBe('hello');
  });

  it('when a worker is told to stop before it ever came: it ends at once, with 0', async () => {
    engine = await Engine.start();
    const { environment } = fromStage();
    await engine.stop();
    const worker = startWorkerSoon({ env: environment });
    await worker.logged(/cannot start yet/, 20_000);
    const told = performance.now();
    worker.signal('SIGTERM');
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    expect(performance.now() - told).toBeLessThan(10_000);
  });
});

function fromStage() {
  const stage = setStage(engine.url);
  return { app: stage.app, trace: stage.trace, environment: stage.environment() };
}
