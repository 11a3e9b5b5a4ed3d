/** Unique calls of several processes, and of those that die. */
import { describe, expect, it } from 'vitest';
import { runProgram } from '../behaviour/program.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

const soon = { timeout: '20s' } as const;

describe('equal unique calls', () => {
  it('of two processes at the same time, 50 in all, are one', async () => {
    const { app, redis, prefix } = setStage(engine.url);
    const programs = [1, 2].map(() => runProgram('unique-calls.mjs', [engine.url, prefix, '25']));
    await until('both are ready', async () => (await redis.get(`${prefix}-ready`)) === '2');
    await redis.set(`${prefix}-go`, '1', 'EX', 60);
    const ended = await Promise.all(programs);
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    const ids = ended.flatMap(({ stdout }) => JSON.parse(stdout) as string[]);
    expect(ids).toHaveLength(50);
    expect(new Set(ids).size).toBe(1);
    expect((await app.queues.counts('default')).waiting).toBe(1);
    await redis.del(`${prefix}-ready`, `${prefix}-go`);
  });

  it('are one while the worker of the first is dead, until another has run it to its end', async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    const call = () => app.sendTask<object>('gated', ['dead', 3], { unique: true });
    const worker = await startWorker({ env: stage.environment(), flags: ['-c', '1'] });
    const first = await call();
    await trace.started('dead');
    await worker.kill();
    const second = await call();
    expect(second.id).toBe(first.id);
    await startWorker({ env: stage.environment(), flags: ['-c', '1'] });
    await trace.started('dead', 2);
    expect((await call()).id).toBe(first.id);
    trace.open('dead');
    expect(await second.get(soon)).toEqual(await first.get(soon));
    await until('the key is free', async () => (await call()).id !== first.id);
  });

  it("are two once the first has started, with until: 'started', also where its worker has died", async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    const call = () => app.sendTask<object>('gated', ['dead', 3], { unique: { until: 'started' } });
    const worker = await startWorker({ env: stage.environment(), flags: ['-c', '1'] });
    const first = await call();
    await trace.started('dead');
    await worker.kill();
    const second = await call();
    expect(second.id).not.toBe(first.id);
    expect((await call()).id).toBe(second.id);
    trace.open('dead');
    await startWorker({ env: stage.environment(), flags: ['-c', '1'] });
    expect(await second.get(soon)).toEqual(await first.get(soon));
    expect(new Set(trace.starts('dead').map(({ id }) => id))).toEqual(
      new Set([first.id, second.id]),
    );
  });
});
