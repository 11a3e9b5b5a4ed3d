/** Ticks that come while the task of the tick before still waits or runs. */
import { type App, type AppOptions, type BeatEntry, chain, currentTask, every, group } from 'dtask';
import { describe, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection } from '../support/until.js';
import { entryThat, startBeat } from './beats.js';

/** An App with one entry, `entry`, for a task of this body. */
function one(
  options: Omit<BeatEntry, 'task'>,
  body: () => unknown,
  more: AppOptions = {},
): { app: App; ids: string[] } {
  const app = stage.app({
    ...more,
    beat: { entry: { task: 'work', every: '150ms', ...options } as BeatEntry },
  });
  const ids: string[] = [];
  app.task('work', () => {
    ids.push(currentTask().id);
    return body();
  });
  return { app, ids };
}

it('by default every tick is sent, whatever becomes of the one before', async () => {
  const { app } = one({}, () => undefined);
  await startBeat(app);
  const { skipped } = await entryThat(app, 'entry', ({ runs }) => runs >= 4);
  expect(skipped).toBe(0);
  expect((await app.queues.counts('default')).waiting).toBeGreaterThanOrEqual(4);
});

describe("overlap: 'skip'", () => {
  it('passes ticks over while the task before waits, and while it runs, and counts them', async () => {
    const gate = new Gate();
    const { app, ids } = one({ overlap: 'skip' }, () => gate.passed);
    await startBeat(app);
    const waiting = await entryThat(app, 'entry', ({ skipped }) => skipped >= 2);
    expect(waiting.runs).toBe(1);
    expect((await app.queues.counts('default')).waiting).toBe(1);
    await stage.worker(app);
    await eventually(() => ids.length).toBe(1);
    const running = await entryThat(app, 'entry', ({ skipped }) => skipped >= waiting.skipped + 3);
    expect(running.runs).toBe(1);
    gate.open();
    await entryThat(app, 'entry', ({ runs }) => runs >= 3);
  });

  it('goes on after a task that failed', async () => {
    const { app } = one({ overlap: 'skip' }, () => {
      throw new Error('always');
    });
    await stage.worker(app);
    await startBeat(app);
    await entryThat(app, 'entry', ({ runs }) => runs >= 3);
  });

  it('goes on after a failed task whose result is ignored, and after one whose result was forgotten', async () => {
    const { app } = one({ overlap: 'skip', ignoreResult: true }, () => {
      throw new Error('always');
    });
    await stage.worker(app);
    await startBeat(app);
    const { lastId = '' } = await entryThat(app, 'entry', ({ runs }) => runs >= 2);
    await eventually(() => stage.redis.exists(`${app.config.prefix}:r:${lastId}`)).toBe(1);
    await app.beat.pause('entry');
    const paused = await entryThat(app, 'entry', () => true);
    await eventually(async () => app.result(paused.lastId ?? '').forget()).toBe(true);
    await app.beat.resume('entry');
    await entryThat(app, 'entry', ({ runs }) => runs >= paused.runs + 2);
  });

  it('goes on after a task that was revoked', async () => {
    const { app } = one({ overlap: 'skip' }, () => undefined);
    await startBeat(app);
    const { lastId = '', runs } = await entryThat(app, 'entry', ({ skipped }) => skipped >= 1);
    await app.control.revoke(lastId);
    await entryThat(app, 'entry', (entry) => entry.runs > runs && entry.lastId !== lastId);
  });

  it('waits for a task that is to be retried', async () => {
    const { app, ids } = one({ overlap: 'skip', maxRetries: 3, retryDelay: '1h' }, () =>
      currentTask().retry({ countdown: '1h' }),
    );
    await stage.worker(app);
    await startBeat(app);
    await eventually(() => ids.length).toBe(1);
    const { runs } = await entryThat(app, 'entry', ({ skipped }) => skipped >= 3);
    expect(runs).toBe(1);
    expect(ids.length).toBe(1);
  });

  it('goes on after a task that expired before it was taken', async () => {
    const { app, ids } = one({ overlap: 'skip', expires: '50ms' }, () => undefined);
    await startBeat(app);
    await entryThat(app, 'entry', ({ skipped }) => skipped >= 1);
    await stage.worker(app);
    await eventually(() => ids.length).toBeGreaterThanOrEqual(2);
  });

  it('waits for the end of a canvas, and goes on when one of its steps has failed', async () => {
    const gate = new Gate();
    let fails = false;
    const app = stage.app();
    app.task('first', () => {
      if (fails) throw new Error('first');
      return 1;
    });
    app.task('second', (_one: number) => gate.passed);
    app.addPeriodicTask(every('150ms'), chain(app.signature('first'), app.signature('second')), {
      name: 'canvas',
      overlap: 'skip',
    });
    await stage.worker(app);
    await startBeat(app);
    const held = await entryThat(app, 'canvas', ({ skipped }) => skipped >= 3);
    expect(held.runs).toBe(1);
    fails = true;
    gate.open();
    await entryThat(app, 'canvas', ({ runs }) => runs >= 4);
  });

  it('is refused for a canvas that ends with several tasks', async () => {
    const app = stage.app();
    const ends = group(app.signature('a'), app.signature('b'));
    const error = await rejection(
      app.beat.add('ends', { task: ends, every: '1m', overlap: 'skip' }),
    );
    expect(error.message).toContain('ends with 2 tasks');
  });
});

describe("overlap: 'replace'", () => {
  it('revokes the task of the tick before while it waits', async () => {
    const { app } = one({ overlap: 'replace' }, () => undefined);
    await startBeat(app);
    const first = await entryThat(app, 'entry', ({ runs }) => runs >= 1);
    await entryThat(app, 'entry', ({ runs }) => runs >= 4);
    expect(await app.result(first.lastId ?? '').state()).toBe('REVOKED');
    await app.beat.pause('entry');
    expect((await app.queues.counts('default')).waiting).toBe(1);
  });

  it('fires the signal of one that runs', async () => {
    let aborted = 0;
    const gate = new Gate();
    const { app, ids } = one({ overlap: 'replace', every: '300ms' }, () => {
      const { signal } = currentTask();
      const fired = new Promise<never>((_resolve, reject) => {
        const onAbort = (): void => {
          aborted += 1;
          reject(signal.reason as Error);
        };
        if (signal.aborted) onAbort();
        else signal.addEventListener('abort', onAbort);
      });
      return Promise.race([fired, gate.passed]);
    });
    await stage.worker(app);
    await startBeat(app);
    await eventually(() => aborted).toBeGreaterThanOrEqual(2);
    await eventually(() => app.result(ids[0] ?? '').state()).toBe('REVOKED');
    gate.open();
  });

  it('leaves one alone that has ended', async () => {
    const { app, ids } = one({ overlap: 'replace' }, () => 'done');
    await stage.worker(app);
    await startBeat(app);
    await eventually(() => ids.length).toBeGreaterThanOrEqual(3);
    expect(await app.result(ids[0] ?? '').state()).toBe('SUCCESS');
  });
});
