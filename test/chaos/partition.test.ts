/** Twenty seconds of a stalled network, whose bytes arrive when it is back; and connections that are reset. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { engine } from '../support/own-engine.js';
import { startProxy } from '../support/proxy.js';
import { report } from '../support/report.js';
import { setStage } from '../support/stage.js';
import { startWorker } from '../support/worker-process.js';

it(
  'a network that stalls for 20 s and then delivers: worker and caller go on within 15 s',
  { timeout: 70_000 },
  async () => {
    const proxy = await startProxy(engine.port);
    const { app, trace, environment } = fromStage(proxy.url);
    await startWorker({ env: environment, flags: ['-c', '2'] });
    const running = await app.sendTask('gated', ['stalled', 9]);
    await trace.started('stalled');
    const waiting = running.get();
    proxy.become('stall');
    trace.open('stalled');
    // The outage is the given of this test, and not a guess at when something is done.
    await delay(20_000);
    proxy.become('pass');
    const back = performance.now();
    expect(await waiting).toMatchObject({ square: 81 });
    expect(await app.sendTask('echo', ['after']).get({ timeout: '20s' })).toBe('after');
    const took = performance.now() - back;
    report('stalled network of 20 s', { 'waiting get() and a new call done after ms': took });
    expect(took).toBeLessThan(15_000);
  },
);

it('connections that are reset again and again cost no task and no result', async () => {
  const proxy = await startProxy(engine.port);
  const { app, trace, environment } = fromStage(proxy.url);
  await startWorker({ env: environment });
  const values: Promise<unknown>[] = [];
  for (let round = 0; round < 5; round++) {
    const calls = [...Array(20).keys()].map((x) =>
      app.sendTask('nap', ['reset', 10, round * 20 + x]),
    );
    values.push(...calls.map((call) => call.get({ timeout: '25s' })));
    await trace.started('reset', round * 20 + 1);
    proxy.cut();
  }
  expect(await Promise.all(values)).toEqual([...Array(100).keys()].map((x) => x * 3 + 1));
  report('5 resets of all connections', { tasks: 100, runs: trace.starts('reset').length });
});

function fromStage(url: string) {
  const stage = setStage(url);
  return { app: stage.app, trace: stage.trace, environment: stage.environment() };
}
