/** What happens to the tasks of a worker process that dies, or that is too busy to say that it lives. */
import { describe, expect, it } from 'vitest';
import { engine } from '../support/own-engine.js';
import { report } from '../support/report.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

/** What the task `square` and its gated form give. */
const squared = (x: number): object => ({
  x,
  square: x * x,
  exact: BigInt(x) ** 20n,
  when: new Date(x * 1_000),
  parts: new Map([['text', 'ü'.repeat(x)]]),
});

describe('a worker killed with SIGKILL', () => {
  it('loses nothing: its tasks run again elsewhere within seconds, and give what they should', async () => {
    const { app, trace, environment, strikeCheck } = withChecks(engine.url);
    const first = await startWorker({ env: environment, flags: ['-c', '4'] });
    const calls = [...Array(8).keys()].map((x) => app.sendTask('gated', ['kill', x]));
    await Promise.all(calls);
    const before = await trace.started('kill', 4);
    expect(new Set(before.map(({ pid }) => pid))).toEqual(new Set([first.pid]));
    const second = await startWorker({ env: environment, flags: ['-c', '4'] });
    await trace.started('kill', 8);

    const killed = Date.now();
    await first.kill();
    trace.open('kill');
    const values = await Promise.all(calls.map((call) => call.get({ timeout: '20s' })));
    const took = Date.now() - killed;

    expect(values).toEqual([...Array(8).keys()].map(squared));
    const again = trace.starts('kill').slice(8);
    expect(again.map(({ id }) => id).sort()).toEqual(before.map(({ id }) => id).sort());
    // One of them may have killed its worker: they run away from the other one.
    for (const { pid } of again) expect([first.pid, second.pid]).not.toContain(pid);
    const [firstBack = Number.NaN] = again.map(({ at }) => at - killed).sort((a, b) => a - b);
    report('SIGKILL of a worker with 4 running tasks', {
      'first runs again after ms': firstBack,
      'all done after ms': took,
    });
    expect(took).toBeLessThan(15_000);
    await strikeCheck();
  });

  it.each(['rated.once', 'placed.once'])(
    'loses no call of %s that may start once only and has not: it waits for what limits it',
    async (task) => {
      const { app, trace, environment } = withChecks(engine.url);
      const first = await startWorker({ app: 'pools/app.ts', env: environment });
      const calls = await Promise.all([0, 1, 2].map(() => app.sendTask(task, ['one'])));
      await trace.started('one');
      const waiting = async (): Promise<number> => (await app.queues.counts('default')).delayed;
      await until('two of them wait', async () => (await waiting()) === 2);
      await first.kill();
      trace.open('one');
      await startWorker({ app: 'pools/app.ts', env: environment });
      const ends = await Promise.all(
        calls.map((call) => call.get({ timeout: '30s', propagate: false })),
      );
      // One may have been running: that it is lost is what was asked for.
      expect(ends.filter((end) => end === 'one').length).toBeGreaterThanOrEqual(2);
      expect(trace.starts('one')).toHaveLength(3);
    },
  );

  it('is followed by a worker that starts later, when no other was there', async () => {
    const { app, trace, environment, strikeCheck } = withChecks(engine.url);
    const first = await startWorker({ env: environment, flags: ['-c', '2'] });
    const call = app.sendTask('gated', ['alone', 7]);
    await trace.started('alone');
    await first.kill();
    trace.open('alone');
    expect(await call.then((result) => result.state())).not.toBe('UNKNOWN');
    const started = Date.now();
    await startWorker({ env: environment });
    expect(await call.get({ timeout: '20s' })).toEqual(squared(7));
    const took = Date.now() - started;
    report('a worker that starts after a SIGKILL', { 'done after ms': took });
    expect(took).toBeLessThan(15_000);
    await strikeCheck();
  });
});

describe('a task that blocks the event loop for longer than its lock holds', () => {
  it(
    'runs exactly once, as does the task beside it, while another worker looks for lost ones',
    { timeout: 40_000 },
    async () => {
      const { app, trace, redis, key, environment, strikeCheck } = withChecks(engine.url);
      const flags = ['-c', '2', '--lock-duration', '1s', '--stalled-interval', '300ms'];
      await startWorker({ env: environment, flags });
      const beside = await app.sendTask('gated', ['beside', 3]);
      await trace.started('beside');
      const burning = await app.sendTask('burn.gated', ['burn']);
      await trace.started('burn');
      const second = await startWorker({ env: environment, flags });
      // It looks for lost tasks again and again before the loop of the first one turns again.
      const lookedAt = async (): Promise<number> =>
        Number(await redis.hget(key('meta'), 'dtask.looked'));
      const first = await lookedAt();
      await until('it has looked for five seconds', async () => (await lookedAt()) - first > 5_000);
      trace.open('burn');
      expect(await burning.get({ timeout: '20s' })).toBe(true);
      trace.open('beside');
      expect(await beside.get({ timeout: '20s' })).toEqual(squared(3));
      expect(trace.starts('burn')).toHaveLength(1);
      expect(trace.starts('beside')).toHaveLength(1);
      expect(second.log.filter(({ msg }) => msg.includes('died'))).toEqual([]);
      await strikeCheck();
    },
  );
});

/** A stage whose queue must be empty in the end. */
function withChecks(url: string) {
  const stage = setStage(url);
  const strikeCheck = async (): Promise<void> => {
    await until('nothing is left in the queue', async () => {
      const { waiting, delayed, active, failed } = await stage.app.queues.counts('default');
      return waiting + delayed + active + failed === 0;
    });
  };
  const { app, trace, redis } = stage;
  const key = (part: string): string => stage.key(part);
  return { app, trace, redis, key, environment: stage.environment(), strikeCheck };
}
