/** The commands that need no worker of their own: call, result, queues, purge, report. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDtask, startDtask } from '../support/dtask-process.js';
import { Engine } from '../support/engine.js';
import { findLeaks, taskKeys } from '../support/leaks.js';
import { setStage, Stage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { startWorker, WorkerProcess } from '../support/worker-process.js';

let engine: Engine;
let stage: Stage;
let worker: WorkerProcess;
beforeAll(async () => {
  engine = await Engine.start();
  stage = new Stage(engine.url);
  worker = new WorkerProcess({ env: stage.environment() });
  await worker.ready();
});
afterAll(async () => {
  await worker.kill();
  await stage.strike();
  await engine[Symbol.asyncDispose]();
});

/** Runs a command on the stage that has a worker. */
const dtask = (...args: string[]): ReturnType<typeof runDtask> =>
  runDtask(args, { env: stage.environment() });

describe('dtask call', () => {
  it('sends a task by its name and prints its id, which dtask result takes', async () => {
    const { code, stdout } = await dtask('call', 'nap', 'called', '1', '5');
    expect(code).toBe(0);
    const id = stdout.trim();
    expect(id).toMatch(/^[\w-]+$/);
    const found = await dtask('result', id, '--wait', '10s');
    expect(found).toEqual({ code: 0, stdout: 'SUCCESS\n16\n', stderr: '' });
  });

  it('--wait prints the result', async () => {
    expect(await dtask('call', 'echo', '{"a":[1,2]}', '--wait')).toEqual({
      code: 0,
      stdout: '{ a: [ 1, 2 ] }\n',
      stderr: '',
    });
    expect(await dtask('call', 'echo', 'a word', '--wait')).toMatchObject({
      code: 0,
      stdout: "'a word'\n",
    });
  });

  it('--wait --json prints JSON', async () => {
    const { code, stdout } = await dtask('call', 'echo', '--args', '["x"]', '--wait', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      id: expect.any(String),
      state: 'SUCCESS',
      result: 'x',
    });
  });

  it('--wait ends with 1 and the error of a task that fails', async () => {
    const { code, stdout, stderr } = await dtask('call', 'fail', 'no luck', '--wait');
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('no luck');
  });

  it('ends with 1 where an option cannot be used', async () => {
    const wrong: readonly (readonly [string, string, RegExp])[] = [
      ['--args', '{"not":"a list"}', /--args must be a JSON array/],
      ['--priority', 'high', /priority must be a whole number/],
      ['--eta', 'tomorrow', /eta must be a valid Date/],
      ['--countdown', 'a while', /countdown/],
    ];
    await Promise.all(
      wrong.map(async ([flag, value, message]) => {
        const { code, stderr } = await dtask('call', 'echo', flag, value);
        expect(code, flag).toBe(1);
        expect(stderr, flag).toMatch(message);
        expect(stderr, flag).not.toMatch(/^ +at /m);
      }),
    );
  });

  it('ends with 1 and says where Redis should be when it is not there', async () => {
    const { code, stderr } = await runDtask(['call', 'echo'], {
      env: { DTASK_BROKER_URL: 'redis://127.0.0.1:1/0', DTASK_SEND_TIMEOUT: '500ms' },
    });
    expect(code).toBe(1);
    expect(stderr).toContain('127.0.0.1:1');
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

describe('dtask result', () => {
  it('ends with 1 for a task that has failed, and shows its error', async () => {
    const call = await stage.app.sendTask('fail', ['on purpose']);
    await rejection(call.get({ timeout: '10s' }));
    const [text, json] = await Promise.all([
      dtask('result', call.id),
      dtask('result', call.id, '--json'),
    ]);
    expect(text.code).toBe(1);
    expect(text.stdout).toMatch(/^FAILURE\n/);
    expect(text.stdout).toContain('on purpose');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      id: call.id,
      state: 'FAILURE',
      result: { message: 'on purpose' },
    });
  });

  it('ends with 1 for an id that was never sent', async () => {
    expect(await dtask('result', 'never-sent')).toMatchObject({ code: 1, stdout: 'UNKNOWN\n' });
  });

  it('ends with 1 for a task that still runs, and when waiting took too long', async () => {
    const call = await stage.app.sendTask('gated', ['result', 1]);
    await stage.trace.started('result');
    const [now, waited] = await Promise.all([
      dtask('result', call.id),
      dtask('result', call.id, '--wait', '300ms'),
    ]);
    expect(now).toMatchObject({ code: 1, stdout: 'STARTED\n' });
    expect(waited.code).toBe(1);
    expect(waited.stderr).toContain('no result within 300ms');
    stage.trace.open('result');
    await call.get({ timeout: '10s' });
  });
});

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

describe('a password in the broker address', () => {
  const secret = 'hunter2-s3cr3t';

  it(
    'is printed by no command and in no log, whether Redis answers, refuses it, or is away',
    { timeout: 60_000 },
    async () => {
      await using locked = await Engine.start();
      const opener = setStage(locked.url);
      await opener.redis.config('SET', 'requirepass', secret);
      const right = {
        ...opener.environment(),
        DTASK_BROKER_URL: `redis://:${secret}@127.0.0.1:${locked.port}/0`,
      };
      const wrong = {
        ...right,
        DTASK_BROKER_URL: `redis://ann:${secret}x@127.0.0.1:${locked.port}/0`,
        DTASK_SEND_TIMEOUT: '500ms',
      };
      const away = {
        ...right,
        DTASK_BROKER_URL: `redis://:${secret}@127.0.0.1:1/0`,
        DTASK_SEND_TIMEOUT: '500ms',
      };
      const working = await startWorker({ env: right, flags: ['-l', 'trace'] });
      const called = await runDtask(['call', 'echo', 'open', '--wait'], { env: right });
      expect(called).toMatchObject({ code: 0, stdout: "'open'\n" });
      expect(working.stderr).toContain(`***@127.0.0.1:${locked.port}`);
      const outputs = [called];
      for (const args of [
        ['report', '-A', 'faults/app.ts'],
        ['queues', '--json'],
        ['result', 'x'],
        ['purge', '-f'],
      ]) {
        outputs.push(
          ...(await Promise.all([right, wrong, away].map((env) => runDtask(args, { env })))),
        );
      }
      const waiting = startDtask(['worker', '-A', 'faults/app.ts', '-l', 'trace'], { env: wrong });
      await until(
        'the worker tells of its trouble',
        () => /cannot start yet|WRONGPASS|NOAUTH/.test(waiting.output) || waiting.hasEnded,
        15_000,
      );
      // All that had the wrong password or no Redis, and the result that was never sent.
      expect(outputs.filter(({ code }) => code !== 0)).toHaveLength(9);
      for (const text of [
        working.output,
        waiting.output,
        ...outputs.map(({ stdout, stderr }) => stdout + stderr),
      ]) {
        expect(text).not.toContain(secret);
      }
    },
  );
});

function fromStage() {
  const own = setStage(engine.url);
  return { app: own.app, redis: own.redis, prefix: own.prefix, environment: own.environment() };
}
