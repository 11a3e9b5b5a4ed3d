/** `dtask call` and `dtask result`: send a task by its name, and show what became of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDtask } from '../support/dtask-process.js';
import { stage } from '../support/own-stage.js';
import { rejection } from '../support/until.js';
import { WorkerProcess } from '../support/worker-process.js';

let worker: WorkerProcess;
beforeAll(async () => {
  worker = new WorkerProcess({ env: stage.environment() });
  await worker.ready();
});
afterAll(() => worker.kill());

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

  it('-A sends a task as the task itself says', async () => {
    const { code, stdout } = await dtask('call', '-A', 'pair/app.ts:bank', 'pay', '5');
    expect(code).toBe(0);
    // No worker takes from its queue, and this is where it waits.
    expect(await stage.app.queues.revoke(stdout.trim(), 'money')).toBe(true);
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
      ['--eta', 'tomorrow', /--eta must be a date such as .*the app, UTC.*got "tomorrow"/],
      ['--eta', '12', /--eta must be a date such as .*got "12"/],
      ['--eta', 'march 7', /--eta must be a date such as .*got "march 7"/],
      ['--eta', '10s', /--eta is a date, got 10s; for a wait from now: --countdown 10s/],
      ['--eta', '2020-01-01', /--eta must not be past, got 2020-01-01, which is 2020-01-01T00:00/],
      ['--expires', 'next week', /--expires must be a time such as 1h, or a date such as/],
      ['--expires', '2020-01-01', /--expires must not be past/],
      ['--countdown', 'a while', /countdown/],
    ];
    const runs = await Promise.all(
      wrong.map(([flag, value]) => dtask('call', 'echo', flag, value)),
    );
    expect(runs).toEqual(
      wrong.map(([, , message]) => ({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(message),
      })),
    );
    for (const { stderr } of runs) expect(stderr).not.toMatch(/^ +at /m);
  });

  it('takes dates in the time zone of the app, not of the machine', async () => {
    const { redis, prefix } = stage;
    const zones = { DTASK_TIMEZONE: 'Asia/Tokyo', TZ: 'America/New_York' };
    const env = stage.environment({ ...zones, DTASK_DEFAULT_QUEUE: 'dated' });
    const calls = [
      ['--eta', '2099-07-01T09:00', 'eta', '2099-07-01T00:00:00.000Z'],
      ['--eta', '2099-07-01', 'eta', '2099-06-30T15:00:00.000Z'],
      ['--eta', '2099-07-01T09:00:00+02:00', 'eta', '2099-07-01T07:00:00.000Z'],
      ['--expires', '2099-07-01 09:00', 'expires', '2099-07-01T00:00:00.000Z'],
    ] as const;
    const dates = await Promise.all(
      calls.map(async ([flag, text, field]) => {
        const { stdout } = await runDtask(['call', 'echo', flag, text], { env });
        const data = await redis.hget(`${prefix}:{dated}:${stdout.trim()}`, 'data');
        const at = (JSON.parse(data ?? '{}') as Record<string, number>)[field] ?? 0;
        // Where clocks are not those of Redis, the time is reckoned, to the millisecond or so.
        return new Date(Math.round(at / 1_000) * 1_000).toISOString();
      }),
    );
    expect(dates).toEqual(calls.map(([, , , date]) => date));
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
