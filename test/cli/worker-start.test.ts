/** How `dtask worker` starts, and what it says where it cannot. */
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { runDtask } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { report } from '../support/report.js';
import { setStage } from '../support/stage.js';
import { startWorker } from '../support/worker-process.js';

describe('the banner', () => {
  it('lists the app, the broker, the queues, the concurrency and every task', async () => {
    const { environment } = fromStage();
    const worker = await startWorker({
      env: environment,
      flags: ['-c', '3', '-Q', 'default,mail', '-n', 'w1'],
    });
    expect(worker.stderr).toMatch(/^dtask worker \S+ {2}w1$/m);
    expect(worker.stderr).toMatch(/app +faults +faults\/app\.ts/);
    expect(worker.stderr).toMatch(new RegExp(`broker +redis://127\\.0\\.0\\.1:${engine.port}`));
    expect(worker.stderr).toMatch(/queues +default, mail/);
    expect(worker.stderr).toMatch(/3 at a time/);
    for (const name of ['square', 'gated', 'nap', 'burn', 'echo', 'fail', 'flaky'])
      expect(worker.stderr).toMatch(new RegExp(`^ +(tasks +)?${name}$`, 'm'));
    expect(await worker.logged(/^ready$/)).toMatchObject({
      app: 'faults',
      worker: 'w1',
      queues: ['default', 'mail'],
      concurrency: 3,
    });
  });

  it('names the worker after its app, host and process where nobody names it', async () => {
    const { environment } = fromStage();
    const worker = await startWorker({ env: environment });
    expect(worker.stderr).toContain(` faults@${hostname()}.${worker.pid}`);
  });

  it('lists the queues that tasks name beside the default one', async () => {
    const { environment } = fromStage();
    const worker = await startWorker({ env: environment, app: 'pair/app.ts:bank' });
    expect(worker.stderr).toMatch(/queues +default, money/);
  });
});

describe('-n', () => {
  it(
    'of a living worker is refused with who has it, and the living one goes on',
    { timeout: 40_000 },
    async () => {
      const { app, environment } = fromStage();
      const first = await startWorker({ env: environment, flags: ['-n', 'twin'] });
      const { code, stderr } = await runDtask(['worker', '-A', 'faults/app.ts', '-n', 'twin'], {
        env: environment,
      });
      expect(code).toBe(1);
      expect(stderr).toContain(
        `a worker named twin runs already (pid ${first.pid} on ${hostname()}, since `,
      );
      expect(stderr).toContain('-n');
      expect(stderr).not.toMatch(/^ +at /m);
      expect(await app.sendTask('echo', ['still here']).get({ timeout: '10s' })).toBe('still here');
    },
  );

  it('left behind by a worker killed with SIGKILL is taken over', async () => {
    const { app, environment } = fromStage();
    const first = await startWorker({ env: environment, flags: ['-n', 'heir'] });
    await first.kill();
    const start = performance.now();
    await startWorker({ env: environment, flags: ['-n', 'heir'] });
    report('a name left by a SIGKILL', {
      'taken over, start included, after ms': performance.now() - start,
    });
    expect(await app.sendTask('echo', ['mine']).get({ timeout: '10s' })).toBe('mine');
  });

  it('of a container on the same host is not taken for that of a process that is gone', async () => {
    const { app, environment, redis, prefix } = fromStage();
    const first = await startWorker({ env: environment, flags: ['-n', 'boxed'] });
    const key = `${prefix}:w:boxed`;
    const claim = JSON.parse((await redis.get(key)) ?? '') as object;
    await first.kill();
    // As one of another container would be: it has its own pids, and no process here is one of them.
    await redis.set(key, JSON.stringify({ ...claim, pids: 'another' }), 'PX', 4_000);
    const start = performance.now();
    await startWorker({ env: environment, flags: ['-n', 'boxed'] });
    expect(performance.now() - start).toBeGreaterThan(3_000);
    expect(await app.sendTask('echo', ['mine']).get({ timeout: '10s' })).toBe('mine');
  });

  it('is free again after an orderly stop', async () => {
    const { environment, redis, prefix } = fromStage();
    const first = await startWorker({ env: environment, flags: ['-n', 'next'] });
    first.signal('SIGTERM');
    expect(await first.end()).toMatchObject({ code: 0 });
    expect(await redis.exists(`${prefix}:w:next`)).toBe(0);
  });
});

describe('-c', () => {
  it('limits the tasks of all queues of a worker together', async () => {
    const { app, environment } = fromStage();
    await startWorker({ env: environment, app: 'pair/queues.ts', flags: ['-c', '1', '-Q', 'a,b'] });
    const calls = [...Array(20).keys()].map((x) =>
      app.sendTask(x % 2 === 0 ? 'left' : 'right', [], { queue: x % 2 === 0 ? 'a' : 'b' }),
    );
    await Promise.all(calls.map((call) => call.get({ timeout: '15s' })));
    expect(await app.sendTask('peak', [], { queue: 'a' }).get({ timeout: '10s' })).toBe(1);
  });
});

function fromStage() {
  const stage = setStage(engine.url);
  return {
    app: stage.app,
    redis: stage.redis,
    prefix: stage.prefix,
    environment: stage.environment(),
  };
}
