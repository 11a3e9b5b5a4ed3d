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

  test.each([
    'redis://127.0.0.1:1',
    'redis+cluster://127.0.0.1:1,127.0.0.1:2',
    'redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster',
  ])('ends when its call was rejected, though nobody is at %s', async (broker) => {
    const ended = await runProgram('nobody-answers.mjs', [broker]);
    expect(ended).toEqual({ code: 0, stdout: 'BrokerError\n', stderr: '' });
  });

  test('ends at once when it has closed its App, though nobody is there', async () => {
    const ended = await runProgram('nobody-answers.mjs', ['redis://127.0.0.1:1', 'close']);
    expect(ended).toEqual({ code: 0, stdout: 'BrokerError\nat once\n', stderr: '' });
  });

  test('ends when its worker has stopped', async () => {
    const ended = await runProgram('stopped-worker.mjs', [stage.engine.url]);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(Number(ended.stdout)).toBeLessThan(5_000);
  });
});
