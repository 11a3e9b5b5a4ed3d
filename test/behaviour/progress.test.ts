/** States on the way to a result: progress, states of a task's own, and who hears of them. */
import { currentTask } from 'dtask';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { Gate } from './gate.js';
import { stage } from './own-stage.js';
import { runProgram } from './program.js';
import { rejection } from './rejection.js';
import { app } from './served-app.js';
import { messageKey, resultKey } from './stage.js';

const soon = { timeout: '10s' } as const;

describe('progress()', () => {
  test('shows as the state PROGRESS with its details, in any process', async () => {
    const gate = new Gate();
    const copy = app.task('progress.shown', async () => {
      await currentTask().progress({ done: 3, of: 10 });
      await gate.passed;
    });
    const result = await copy.delay();
    await eventually(() => result.state()).toBe('PROGRESS');
    expect(await result.info()).toEqual({ done: 3, of: 10 });
    const other = stage.app({ prefix: app.config.prefix }).result(result.id);
    expect(await other.info()).toEqual({ done: 3, of: 10 });
    expect(await result.ready()).toBe(false);
    expect(await result.result()).toBeUndefined();
    gate.open();
    await result.get(soon);
    expect(await result.state()).toBe('SUCCESS');
  });

  test('is heard in order by the caller who waits', async () => {
    const count = app.task('progress.heard', async (to: number) => {
      for (let done = 1; done <= to; done += 1) await currentTask().progress({ done });
      return 'counted';
    });
    const heard: unknown[] = [];
    const onProgress = (details: unknown, state: string): void => void heard.push([state, details]);
    expect(await count.delay(4).get({ onProgress, ...soon })).toBe('counted');
    expect(heard).toEqual([1, 2, 3, 4].map((done) => ['PROGRESS', { done }]));
  });

  test('heard by a callback that throws rejects its get(), and no other', async () => {
    app.task('steps', async () => {
      await currentTask().progress(1);
      return 'done';
    });
    const url = stage.engine.url;
    const ended = await runProgram('throwing-progress.mjs', [url, app.config.prefix]);
    expect(ended).toEqual({ code: 0, stdout: 'the bar is broken done\n', stderr: '' });
  });

  test('that cannot travel is the error of the task, which may catch it', async () => {
    const odd = app.task('progress.odd', async () => {
      const error = await rejection(currentTask().progress(() => 1));
      return error.message;
    });
    expect(await odd.delay().get(soon)).toMatch(/is a function/);
  });
});

describe('updateState()', () => {
  test("sets a state of the task's own, with details that may hold any value", async () => {
    const gate = new Gate();
    const upload = app.task('state.custom', async () => {
      await currentTask().updateState('UPLOADING', { since: new Date(0), parts: new Set([1]) });
      await gate.passed;
    });
    const result = await upload.delay();
    await eventually(() => result.state()).toBe('UPLOADING');
    expect(await result.info()).toEqual({ since: new Date(0), parts: new Set([1]) });
    gate.open();
    await result.get(soon);
  });

  test('is heard by onProgress under its name', async () => {
    const two = app.task('state.heard', async () => {
      await currentTask().updateState('WARMING');
      await currentTask().updateState('BAKING', 180);
    });
    const heard: unknown[] = [];
    const onProgress = (details: unknown, state: string): void => void heard.push([state, details]);
    await two.delay().get({ onProgress, ...soon });
    expect(heard).toEqual([
      ['WARMING', undefined],
      ['BAKING', 180],
    ]);
  });

  test.each(['SUCCESS', 'FAILURE', 'REVOKED', 'IGNORED', 'PENDING', 'STARTED', 'RETRY', ''])(
    'cannot set a state that dtask sets: "%s"',
    async (state) => {
      const task = app.task(`state.reserved.${state || 'none'}`, () =>
        currentTask().updateState(state),
      );
      const error = await rejection(task.delay().get(soon));
      expect(error).toMatchObject({ errorName: 'ConfigError' });
      expect(error.message).toContain('which dtask sets itself');
    },
  );

  test('that comes after the end of the task does not hide its result', async () => {
    const gate = new Gate();
    let late: Promise<void> | undefined;
    const forgetful = app.task('state.late', () => {
      const context = currentTask();
      late = gate.passed.then(() => context.updateState('LATE'));
      return 'value';
    });
    const result = await forgetful.delay();
    expect(await result.get(soon)).toBe('value');
    gate.open();
    await late;
    expect(await result.state()).toBe('SUCCESS');
    expect(await result.info()).toBe('value');
  });

  test('of a task without a result is stored nowhere', async () => {
    const silent = app.task('state.ignored', () => currentTask().progress(1), {
      ignoreResult: true,
    });
    const { id } = await silent.delay();
    const message = messageKey(app, 'default', id);
    await eventually(() => stage.redis.exists(message)).toBe(0);
    expect(await stage.redis.exists(resultKey(app, id))).toBe(0);
    expect(await app.result(id).state()).toBe('UNKNOWN');
  });
});
