/** What is left in Redis after tasks of every fate: nothing that stays for ever, but what is kept on purpose. */
import { expect, it } from 'vitest';
import { findLeaks, taskKeys } from '../support/leaks.js';
import { engine } from '../support/own-engine.js';
import { report } from '../support/report.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

it(
  'results, messages and locks are gone after their time, whatever became of the task',
  { timeout: 60_000 },
  async () => {
    const { app, redis, prefix, environment } = fromStage();
    const worker = await startWorker({ env: environment });
    const kinds: readonly (readonly [string, readonly unknown[], string])[] = [
      ['echo', ['kept'], 'SUCCESS'],
      ['fail', ['on purpose'], 'FAILURE'],
      ['flaky', [2], 'SUCCESS'],
      ['skip', [], 'IGNORED'],
      ['steps', [3], 'SUCCESS'],
      ['square', [12], 'SUCCESS'],
      ['nobody-has-it', [], 'FAILURE'],
    ];
    const calls = [...Array(10).keys()].flatMap(() =>
      kinds.map(([name, args, state]) => ({ state, call: app.sendTask(name, args) })),
    );
    for (let x = 0; x < 10; x++) await app.sendTask('echo', [x], { ignoreResult: true });
    await app
      .sendTask('echo', ['late'], { expires: new Date(Date.now() - 1_000) })
      .get({ propagate: false, timeout: '10s' });
    await app.sendTask('echo', ['soon'], { countdown: 50, priority: 3 }).get({ timeout: '10s' });
    await Promise.all(calls.map(({ call }) => call.get({ propagate: false, timeout: '20s' })));
    expect(await Promise.all(calls.map(async ({ call }) => (await call).state()))).toEqual(
      calls.map(({ state }) => state),
    );
    expect(await findLeaks(redis, prefix)).toEqual([]);

    await until(
      'the results have expired',
      async () => (await redis.keys(`${prefix}:r:*`)).length === 0,
      20_000,
    );
    const failed = await redis.zcard(`${prefix}:{default}:failed`);
    expect(failed).toBe(20);
    expect(await taskKeys(redis, prefix)).toHaveLength(failed + 1);
    await app.queues.purge('default');
    expect(await taskKeys(redis, prefix)).toEqual([]);

    worker.signal('SIGTERM');
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    expect(await redis.keys(`${prefix}:w:*`)).toEqual([]);
    report('keys left after 92 tasks, their TTL, a purge and the end of the worker', {
      keys: (await redis.keys(`${prefix}:*`)).length,
    });
  },
);

it('a purge leaves no task behind and tells those who wait', { timeout: 40_000 }, async () => {
  const { app, redis, prefix } = fromStage();
  const calls = [...Array(20).keys()].map((x) =>
    app.sendTask('echo', [x], x % 4 === 0 ? { countdown: '1h' } : { priority: x % 3 }),
  );
  const fates = Promise.allSettled(calls.map((call) => call.get()));
  await Promise.all(calls);
  expect(await app.queues.purge('default')).toBe(20);
  for (const fate of await fates) {
    expect(fate).toMatchObject({ status: 'rejected', reason: { name: 'TaskRevokedError' } });
  }
  expect(await taskKeys(redis, prefix)).toEqual([]);
});

function fromStage() {
  const stage = setStage(engine.url, { resultExpires: '8s' });
  return {
    app: stage.app,
    redis: stage.redis,
    prefix: stage.prefix,
    environment: stage.environment({ DTASK_RESULT_EXPIRES: '8s' }),
  };
}
