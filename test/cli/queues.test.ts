/** `dtask queues`, `purge` and `report`: look at queues, empty them, and tell of the whole. */
import { describe, expect, it } from 'vitest';
import { runDtask } from '../support/dtask-process.js';
import { findLeaks, taskKeys } from '../support/leaks.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { rejection } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

describe('dtask queues', () => {
  it('counts the tasks of each queue, as a table and as JSON', async () => {
    const { app, environment } = fromStage();
    await app.sendTask('echo', [1], { queue: 'mail' });
    await app.sendTask('echo', [2], { queue: 'mail', countdown: '1h' });
    await app.sendTask('echo', [3], { queue: 'mail', priority: 5 });
    await app.sendTask('echo', [4]);
    const [json, table] = await Promise.all(
      [['queues', '--json'], ['queues']].map((args) => runDtask(args, { env: environment })),
    );
    expect([json?.code, table?.code]).toEqual([0, 0]);
    expect(JSON.parse(json?.stdout ?? '')).toEqual([
      { queue: 'default', waiting: 1, delayed: 0, active: 0, failed: 0 },
      { queue: 'mail', waiting: 2, delayed: 1, active: 0, failed: 0 },
    ]);
    expect(table?.stdout).toMatch(/^QUEUE +WAITING +DELAYED +ACTIVE +FAILED\n/);
    expect(table?.stdout).toMatch(/^mail +2 +1 +0 +0/m);
  });

  it('says so where no queue was used yet', async () => {
    const { environment } = fromStage();
    const runs = await Promise.all(
      [['queues'], ['queues', '--json']].map((args) => runDtask(args, { env: environment })),
    );
    expect(runs).toMatchObject([
      { code: 0, stdout: 'no queue was used yet\n' },
      { code: 0, stdout: '[]\n' },
    ]);
  });
});

describe('dtask purge', () => {
  it('removes nothing without --force where nobody can be asked, and ends with 1', async () => {
    const { app, environment } = fromStage();
    await app.sendTask('echo', [1]);
    const { code, stderr } = await runDtask(['purge'], { env: environment });
    expect(code).toBe(1);
    expect(stderr).toContain('--force');
    expect((await app.queues.counts('default')).waiting).toBe(1);
  });

  it('--force leaves nothing: no message, no failed task; and whoever waits is told', async () => {
    const { app, redis, prefix, environment } = fromStage();
    const crasher = await startWorker({ env: environment });
    await rejection(app.sendTask('fail', ['kept']).get({ timeout: '10s' }));
    crasher.signal('SIGTERM');
    await crasher.end();
    const calls = await Promise.all(
      [...Array(10).keys()].map((x) =>
        app.sendTask('echo', [x], { queue: x % 2 === 0 ? 'mail' : 'default' }),
      ),
    );
    const waiting = Promise.all(calls.map((call) => rejection(call.get())));
    const { code, stdout } = await runDtask(['purge', '--force', '--json'], { env: environment });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ default: 6, mail: 5 });
    for (const error of await waiting) expect(error).toMatchObject({ code: 'TASK_REVOKED' });
    // The result of the one that failed has its TTL.
    expect(
      (await taskKeys(redis, prefix)).filter((key) => !key.startsWith(`${prefix}:r:`)),
    ).toEqual([]);
    expect(await findLeaks(redis, prefix)).toEqual([]);
  });

  it('-Q removes from the queues that it names alone', async () => {
    const { app, environment } = fromStage();
    await app.sendTask('echo', [1], { queue: 'mail' });
    await app.sendTask('echo', [2]);
    expect(await runDtask(['purge', '-f', '-Q', 'mail'], { env: environment })).toMatchObject({
      code: 0,
      stdout: 'mail: 1 removed\n',
    });
    expect((await app.queues.counts('default')).waiting).toBe(1);
  });
});

describe('dtask report', () => {
  it('prints versions, settings, tasks and the server, as lines and as JSON', async () => {
    const { environment } = fromStage();
    const { code, stdout } = await runDtask(['report', '-A', 'faults/app.ts', '--json'], {
      env: environment,
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      dtask: expect.stringMatching(/^\d/),
      node: process.versions.node,
      app: 'faults',
      broker: engine.url,
      tasks: expect.stringContaining('echo'),
      'redis redis_version': expect.stringMatching(/^\d/),
    });
    const lines = await runDtask(['report'], { env: environment });
    expect(lines.stdout).toMatch(/^node +\d+\./m);
  });
});

function fromStage() {
  const own = setStage(engine.url);
  return { app: own.app, redis: own.redis, prefix: own.prefix, environment: own.environment() };
}
