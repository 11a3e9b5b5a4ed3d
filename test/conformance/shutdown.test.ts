/** Celery's facts on failover and soft shutdown; the number is that of the fact. */
import { group } from 'dtask';
import { describe, expect, it } from 'vitest';
import { hire } from '../seams/hire.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import type { WorkerProcess } from '../support/worker-process.js';

const soon = { timeout: '25s' } as const;

describe('failover', () => {
  it('77: of two workers one is killed, and a task that is sent then runs', async () => {
    const stage = setStage(engine.url);
    const [first] = await Promise.all([hire(stage, '-n', 'one'), hire(stage, '-n', 'two')]);
    await first.kill();
    expect(await stage.app.sendTask('quick', [true]).get(soon)).toBe(true);
  });

  it('77: all workers are killed and one is started again, and the task runs', async () => {
    const stage = setStage(engine.url);
    const both = await Promise.all([hire(stage, '-n', 'one'), hire(stage, '-n', 'two')]);
    await Promise.all(both.map((worker) => worker.kill()));
    const result = stage.app.sendTask('quick', [true]);
    await hire(stage, '-n', 'three');
    expect(await result.get(soon)).toBe(true);
  });
});

describe.each(['inline', 'processes'])('a soft shutdown with a pool of kind %s', (pool) => {
  const soft = ['-P', pool, '-c', '2', '--shutdown-timeout', '1500ms'];

  /** Tells a worker to stop, and waits until it has. */
  async function stop(worker: WorkerProcess): Promise<void> {
    worker.signal('SIGTERM');
    expect(await worker.ended).toEqual({ code: 0, signal: null });
  }

  it('79: lets a task finish that ends within its window', async () => {
    const stage = setStage(engine.url);
    const worker = await hire(stage, ...soft);
    const result = await stage.app.sendTask('brief', ['brief', 500]);
    await stage.trace.started('brief');
    await stop(worker);
    expect(await result.get(soon)).toBe('brief');
    expect(await result.state()).toBe('SUCCESS');
    expect(stage.trace.starts('brief')).toHaveLength(1);
  });

  it('79: hands a task back that does not, and it runs when a worker is back', async () => {
    const stage = setStage(engine.url);
    const worker = await hire(stage, ...soft);
    const result = await stage.app.sendTask('deaf', ['long']);
    await stage.trace.started('long');
    await stop(worker);
    expect(await stage.app.queues.counts('default')).toMatchObject({ waiting: 1, active: 0 });
    stage.trace.open('long');
    await hire(stage, ...soft);
    expect(await result.get(soon)).toBe('done');
    expect(stage.trace.starts('long')).toHaveLength(2);
  });

  it.each([
    ['one of two finishes', 1],
    ['none finishes', 2],
  ])('79: of a group of which %s the rest is handed back', async (_what, back) => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    const worker = await hire(stage, ...soft);
    const brief = app.task('brief', (mark: string, _ms: number) => mark);
    const deaf = app.task('deaf', (mark: string) => mark);
    const parts = [back === 1 ? brief.s('one', 500) : deaf.s('one'), deaf.s('two')];
    const result = await group(parts).delay();
    for (const mark of ['one', 'two']) await trace.started(mark);
    await stop(worker);
    expect((await app.queues.counts('default')).waiting).toBe(back);
    for (const mark of ['one', 'two']) trace.open(mark);
    await hire(stage, ...soft);
    expect(await result.get(soon)).toEqual([back === 1 ? 'one' : 'done', 'done']);
    expect(trace.starts('one')).toHaveLength(back);
    expect(trace.starts('two')).toHaveLength(2);
  });
});
