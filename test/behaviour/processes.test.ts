/** Processes that use an App end by themselves, as soon as they have nothing to wait for. */
import type { App } from 'dtask';
import { beforeAll, describe, expect, test } from 'vitest';
import { stage } from './own-stage.js';
import { runProgram } from './program.js';

let app: App;

beforeAll(async () => {
  app = stage.app();
  app.task('quick', () => 'done');
  await stage.worker(app);
});

describe('a process', () => {
  test('ends when it has its result, though it closed nothing', async () => {
    const ended = await runProgram('open-app.mjs', [stage.engine.url, app.config.prefix]);
    expect(ended).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
  });

  test('ends when it has its result, whatever the timeout that it waited with', async () => {
    const ended = await runProgram('early-get.mjs', [stage.engine.url, app.config.prefix]);
    expect(ended).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
  });

  test('ends when its worker has stopped', async () => {
    const ended = await runProgram('stopped-worker.mjs', [stage.engine.url]);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(Number(ended.stdout)).toBeLessThan(5_000);
  });
});
