/** Twenty seconds of a half-open network: bytes vanish in both directions, and no connection is closed. */
import { expect, it } from 'vitest';
import { setTimeout as delay } from 'node:timers/promises';
import { engine } from '../support/own-engine.js';
import { startProxy } from '../support/proxy.js';
import { report } from '../support/report.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

/** How long the network is dead, and how long after it all must work again, in milliseconds. */
const outage = 20_000;
const recovery = 15_000;

it(
  'worker and caller resume within 15 s after the network is back',
  { timeout: 70_000 },
  async () => {
    const proxy = await startProxy(engine.port);
    const { app, trace, environment } = fromStage(proxy.url);
    const worker = await startWorker({ env: environment, flags: ['-c', '2'] });
    expect(await app.sendTask('echo', ['before']).get({ timeout: '10s' })).toBe('before');
    const running = await app.sendTask('gated', ['across', 9]);
    await trace.started('across');
    const waiting = running.get();

    proxy.become('blackhole');
    const connections = proxy.open;
    // It ends while nobody can be told.
    trace.open('across');
    await until('the task has ended', () => trace.ends('across') > 0);
    // The outage is the given of this test, and not a guess at when something is done.
    await delay(outage);
    expect(proxy.accepted).toBeGreaterThan(connections);
    proxy.become('pass');
    const back = performance.now();

    const since = async (work: Promise<unknown>): Promise<number> => {
      await work;
      return performance.now() - back;
    };
    const fresh = until('a new call gives its result', () => call(app, 'after'), 30_000);
    const [resolved, called] = await Promise.all([since(waiting), since(fresh)]);
    report('half-open network of 20 s', {
      'waiting get() resolved after ms': resolved,
      'new call done after ms': called,
    });
    expect(await waiting).toMatchObject({ square: 81 });
    expect(resolved).toBeLessThan(recovery);
    expect(called).toBeLessThan(recovery);
    expect(worker.hasEnded).toBe(false);
    expect(await app.sendTask('square', [4]).get({ timeout: '5s' })).toMatchObject({ square: 16 });
  },
);

/** A call that a dead connection may refuse; its result is waited for in any case. */
async function call(app: ReturnType<typeof fromStage>['app'], word: string): Promise<boolean> {
  const sent = await app.sendTask('echo', [word]).catch(() => undefined);
  return sent !== undefined && (await sent.get({ timeout: '30s' })) === word;
}

function fromStage(url: string) {
  const stage = setStage(url, { sendTimeout: '2s' });
  return { app: stage.app, trace: stage.trace, environment: stage.environment() };
}
