/** What a worker logs, and what tasks can do to it and cannot. */
import { EncodeError, PayloadTooLargeError, TaskFailedError, UnknownTaskError } from 'dtask';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stage } from '../support/own-stage.js';
import { rejection, until } from '../support/until.js';
import { startWorker, WorkerProcess } from '../support/worker-process.js';

let worker: WorkerProcess;
beforeAll(async () => {
  worker = new WorkerProcess({
    app: 'faults/speech.ts',
    env: stage.environment({ DTASK_MAX_PAYLOAD: '65536' }),
  });
  await worker.ready();
});
afterAll(() => worker.kill());

describe('a log that goes to no terminal', () => {
  it('is JSON, one line for each event, with the worker on each', async () => {
    await stage.app.sendTask('say', ['json']).get({ timeout: '10s' });
    await worker.logged(/^succeeded/);
    for (const line of worker.stdout.trim().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({
        level: expect.any(Number),
        time: expect.any(Number),
        msg: expect.any(String),
        worker: expect.any(String),
      });
    }
  });

  it('carries the name and id of the task on every line logged or printed inside it, also after an await', async () => {
    const call = await stage.app.sendTask('say', ['cheese']);
    await call.get({ timeout: '10s' });
    const inside = { task: 'say', id: call.id };
    expect(await worker.logged(/^logger says cheese/)).toMatchObject({
      ...inside,
      level: 30,
      loud: true,
    });
    expect(await worker.logged(/^console says cheese/)).toMatchObject({ ...inside, level: 30 });
    expect(await worker.logged(/^console complains of cheese/)).toMatchObject({
      ...inside,
      level: 50,
    });
    await until('its end is logged', () =>
      worker.log.find(({ id, msg }) => id === call.id && msg.startsWith('succeeded')),
    );
  });

  it('has each field once on a line, as readers of JSON differ in which of two they take', async () => {
    const call = await stage.app.sendTask('say', ['twice']);
    await call.get({ timeout: '10s' });
    await until('its end is logged', () =>
      worker.log.find(({ id, msg }) => id === call.id && msg.startsWith('succeeded')),
    );
    const lines = worker.stdout.split('\n').filter((line) => line.includes(call.id));
    expect(lines).toHaveLength(4);
    const repeated = ['"task":', '"id":', '"worker":', '"msg":'].filter((field) =>
      lines.some((line) => line.split(field).length !== 2),
    );
    expect(repeated).toEqual([]);
  });

  it('tells of a failure with its error and stack', async () => {
    const call = await stage.app.sendTask('fail', ['the disk is full']);
    const error = await rejection(call.get({ timeout: '10s' }));
    expect(error).toBeInstanceOf(TaskFailedError);
    expect(error).toMatchObject({
      errorName: 'TypeError',
      message: 'the disk is full',
      remoteStack: expect.stringContaining('app.ts'),
    });
    const line = await until('the failure is logged', () =>
      worker.log.find(({ id, msg }) => id === call.id && msg === 'failed'),
    );
    expect(line).toMatchObject({
      level: 50,
      task: 'fail',
      err: {
        type: 'TypeError',
        message: 'the disk is full',
        stack: expect.stringContaining('app.ts'),
      },
    });
  });
});

describe.each(['inline', 'threads', 'processes'])('in a pool of kind %s', (pool) => {
  it('whatever a task throws or logs is told, be it no error or not to be read', async () => {
    const own = await startWorker({
      app: 'faults/speech.ts',
      env: stage.environment(),
      flags: ['-P', pool, '-Q', `odd-${pool}`, '--events'],
    });
    const told: Readonly<Record<string, string | RegExp>> = {
      nothing: 'undefined',
      null: 'null',
      text: 'just words',
      symbol: 'a symbol: Symbol(sign)',
      function: 'a function',
      frozen: 'too cold',
      bare: '[object Object]',
      guarded: /./,
      shy: 'hidden',
      mute: /./,
      gone: /./,
    };
    await Promise.all(
      Object.entries(told).map(async ([what, message]) => {
        const call = await stage.app.sendTask('blurt', [what], { queue: `odd-${pool}` });
        const error = await rejection(call.get({ timeout: '20s' }));
        expect([what, error]).toEqual([what, expect.any(TaskFailedError)]);
        expect(error.message).toMatch(message);
        const line = await own.logged(new RegExp(`^logger says ${what}$`));
        expect(line).toMatchObject({ task: 'blurt', id: call.id });
        const end = await until(`the end of ${what} is logged`, () =>
          own.log.find(({ id, msg }) => id === call.id && msg === 'failed'),
        );
        // There is nothing to be said of undefined.
        if (what !== 'nothing') expect(end['err']).toBeTypeOf('object');
      }),
    );
  });
});

describe('a task', () => {
  it('that throws in a callback fails, and its neighbours and the worker go on', async () => {
    const astray = stage.app.sendTask('astray').get({ timeout: '10s' });
    await expect(astray).rejects.toMatchObject({
      code: 'TASK_FAILED',
      errorName: 'RangeError',
      message: 'out of nowhere',
    });
    expect(await stage.app.sendTask('stray').get({ timeout: '10s' })).toBe('left');
  });

  it('that throws in a callback when it has ended does not end the worker, which says whose it is', async () => {
    const late = () =>
      worker.log.filter(({ task, msg }) => task === 'astray.late' && /left/.test(msg));
    const beside = stage.app.sendTask('nap', ['beside', 1_000, 1]).get({ timeout: '10s' });
    expect(await stage.app.sendTask('astray.late').get({ timeout: '10s' })).toBe('left');
    expect(await worker.logged(/left behind/)).toMatchObject({ level: 50, task: 'astray.late' });
    expect(await beside).toBe(4);
    // Nor where no other task runs.
    expect(await stage.app.sendTask('astray.late').get({ timeout: '10s' })).toBe('left');
    await until('it is said again', () => late().length === 2 || worker.hasEnded);
    expect(worker.hasEnded).toBe(false);
  });

  it('that leaves a rejection nobody awaits does not end the worker, which says so', async () => {
    expect(await stage.app.sendTask('stray').get({ timeout: '10s' })).toBe('left');
    const line = await worker.logged(/nobody awaits/);
    expect(line).toMatchObject({
      level: 50,
      err: { type: 'RangeError', message: 'nobody awaits this' },
    });
    expect(await stage.app.sendTask('echo', ['alive']).get({ timeout: '10s' })).toBe('alive');
    expect(worker.hasEnded).toBe(false);
  });

  it('that returns what cannot travel fails with the path to it, is not run again, and its neighbours go on', async () => {
    const error = await rejection(stage.app.sendTask('unsendable').get({ timeout: '10s' }));
    expect(error).toBeInstanceOf(EncodeError);
    expect(error.message).toContain('result.deep[1]');
    expect(await stage.app.sendTask('echo', ['alive']).get({ timeout: '10s' })).toBe('alive');
  });

  it('whose result is past the limit fails with its size and what to do', async () => {
    expect(await stage.app.sendTask('large', [1_000]).get({ timeout: '10s' })).toHaveLength(1_000);
    const error = await rejection(stage.app.sendTask('large', [100_000]).get({ timeout: '10s' }));
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error.message).toMatch(
      /the result of task large is 97\.\d KiB, more than maxPayload allows \(64\.0 KiB\)/,
    );
  });

  it('with a payload past the limit is not sent: nothing reaches the worker', async () => {
    const call = stage.app.sendTask('echo', ['x'.repeat(2 * 1024 * 1024)]);
    const error = await rejection(call.then());
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error.message).toMatch(
      /the message of task echo is 2\.0 MiB, more than maxPayload allows \(1\.0 MiB\)/,
    );
    expect(await stage.app.result(call.id).state()).toBe('UNKNOWN');
  });

  it('that sends a payload past its own limit gets the error where it sends', async () => {
    const error = await rejection(
      stage.app.sendTask('forward', ['echo', ['x'.repeat(70_000)]]).get({ timeout: '10s' }),
    );
    expect(error).toBeInstanceOf(PayloadTooLargeError);
  });

  it('that nobody has registered fails with its name, the worker and what that has', async () => {
    const call = await stage.app.sendTask('ehco', ['typo']);
    const error = await rejection(call.get({ timeout: '10s' }));
    expect(error).toBeInstanceOf(UnknownTaskError);
    expect(error.message).toContain('has no task ehco');
    expect(error.message).toContain('queue default');
    expect(error.message).toMatch(/it has .*echo/);
    expect(
      await until('the worker logs it', () => worker.log.find(({ id }) => id === call.id)),
    ).toMatchObject({ level: 50, task: 'ehco' });
    expect(await stage.redis.zscore(stage.key('failed'), call.id)).not.toBeNull();
  });

  it("of the name of an object's own property is as unknown as any", async () => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      expect(await rejection(stage.app.sendTask(name).get({ timeout: '10s' }))).toBeInstanceOf(
        UnknownTaskError,
      );
    }
  });
});
