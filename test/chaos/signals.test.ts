/** How a worker process stops when it is told to: once, twice, three times. */
import { describe, expect, it } from 'vitest';
import { engine } from '../support/own-engine.js';
import { startProxy } from '../support/proxy.js';
import { report } from '../support/report.js';
import { setStage } from '../support/stage.js';
import { startWorker } from '../support/worker-process.js';

describe.each(['SIGTERM', 'SIGINT'] as const)('after one %s', (signal) => {
  it('a worker ends its running task, takes no new one, and exits with 0', async () => {
    const { app, trace, environment } = fromStage();
    const worker = await startWorker({ env: environment, flags: ['-c', '1'] });
    const running = await app.sendTask('gated', ['running', 2]);
    await trace.started('running');
    const waiting = await app.sendTask('gated', ['waiting', 3]);
    worker.signal(signal);
    await worker.logged(/^stopping when 1 running/);
    const late = await app.sendTask('gated', ['waiting', 4]);
    expect(worker.hasEnded).toBe(false);
    trace.open('running');
    expect(await running.get({ timeout: '10s' })).toMatchObject({ square: 4 });
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    expect(trace.starts('waiting')).toEqual([]);
    expect([await waiting.state(), await late.state()]).toEqual(['PENDING', 'PENDING']);
  });

  it('an idle worker exits with 0, and waits for nothing', async () => {
    const { environment } = fromStage();
    const worker = await startWorker({ env: environment });
    const told = performance.now();
    worker.signal(signal);
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    const took = performance.now() - told;
    report(`${signal} of an idle worker`, { 'ended after ms': took });
    // No task runs and Redis answers, so none of the timers that guard those may hold it up.
    expect(took).toBeLessThan(5_000);
  });
});

describe.each(['SIGTERM', 'SIGINT'] as const)('after a second %s', (signal) => {
  it('running tasks go back at once: another worker has them long before their lock would lapse', async () => {
    const { app, trace, environment } = fromStage();
    const flags = ['-c', '3', '--lock-duration', '60s', '--stalled-interval', '30s'];
    const first = await startWorker({ env: environment, flags });
    const calls = [1, 2, 3].map((x) => app.sendTask('gated', ['back', x]));
    const before = await trace.started('back', 3);
    const second = await startWorker({ env: environment, flags });
    first.signal(signal);
    await first.logged(/^stopping when 3 running/);
    const told = Date.now();
    first.signal(signal);
    const again = (await trace.started('back', 6)).slice(3);
    const took = Math.max(...again.map(({ at }) => at)) - told;
    report(`second ${signal} with locks of 60 s`, { 'tasks run elsewhere after ms': took });
    expect(took).toBeLessThan(15_000);
    expect(await first.end()).toEqual({ code: 1, signal: null });
    expect(again.map(({ id }) => id).sort()).toEqual(before.map(({ id }) => id).sort());
    expect(new Set(again.map(({ pid }) => pid))).toEqual(new Set([second.pid]));
    trace.open('back');
    const values = await Promise.all(calls.map((call) => call.get({ timeout: '10s' })));
    expect(values).toMatchObject([{ square: 1 }, { square: 4 }, { square: 9 }]);
    expect(trace.starts('back')).toHaveLength(6);
  });
});

describe('while Redis does not answer', () => {
  it('a second signal still ends the worker within seconds, and its task runs elsewhere', async () => {
    const { app, trace, environment } = fromStage();
    const proxy = await startProxy(engine.port);
    // Its lock is to lapse, and that soon.
    const flags = ['--lock-duration', '2s', '--stalled-interval', '500ms'];
    const env = { ...environment, DTASK_BROKER_URL: proxy.url };
    const worker = await startWorker({ env, flags });
    const call = await app.sendTask('gated', ['cut', 5]);
    await trace.started('cut');
    proxy.become('blackhole');
    worker.signal('SIGTERM');
    await worker.logged(/^stopping/);
    worker.signal('SIGTERM');
    expect(await worker.end(12_000)).toEqual({ code: 1, signal: null });
    trace.open('cut');
    await startWorker({ env: environment, flags });
    expect(await call.get({ timeout: '20s' })).toMatchObject({ square: 25 });
  });

  it('a third signal ends the worker now', async () => {
    const { app, trace, environment } = fromStage();
    const proxy = await startProxy(engine.port);
    const worker = await startWorker({ env: { ...environment, DTASK_BROKER_URL: proxy.url } });
    await app.sendTask('gated', ['now', 5]);
    await trace.started('now');
    proxy.become('blackhole');
    worker.signal('SIGTERM');
    await worker.logged(/^stopping/);
    worker.signal('SIGTERM');
    await worker.logged(/^stopping at once/);
    const told = performance.now();
    worker.signal('SIGTERM');
    expect(await worker.end()).toEqual({ code: 1, signal: null });
    // Handing tasks back to a Redis that is silent takes the worker five seconds.
    expect(performance.now() - told).toBeLessThan(4_000);
  });
});

function fromStage() {
  const stage = setStage(engine.url);
  return { app: stage.app, trace: stage.trace, environment: stage.environment() };
}
