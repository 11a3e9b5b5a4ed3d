/** Each way of stopping a worker: what becomes of its tasks, how it exits, and that its children end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { descendants, isAlive, untilGone } from '../support/alive.js';
import { engine } from '../support/own-engine.js';
import { startProxy } from '../support/proxy.js';
import { report } from '../support/report.js';
import { setStage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { startWorker, startWorkerSoon } from '../support/worker-process.js';

const soon = { timeout: '20s' } as const;
/** Locks that do not lapse while a test lasts: who gets a task has been given it. */
const locked = ['--lock-duration', '60s', '--stalled-interval', '30s'];
/** Locks that lapse soon, as what its worker could not hand back is waited for. */
const lapsing = ['--lock-duration', '2s', '--stalled-interval', '500ms'];

describe.each(['threads', 'processes'] as const)('a worker with %s', (pool) => {
  const flags = ['-P', pool, '-c', '2', ...locked];

  it('hands back what blocks its children when the time to stop is over, and exits with 0', async () => {
    const { app, trace, environment: env } = fromStage();
    const first = await poolWorker(env, [...flags, '--shutdown-timeout', '1s']);
    const calls = ['late-1', 'late-2'].map((mark) => app.sendTask('burn.first', [mark]));
    const starts = [...(await trace.started('late-1')), ...(await trace.started('late-2'))];
    const told = performance.now();
    first.signal('SIGTERM');
    expect(await first.end()).toEqual({ code: 0, signal: null });
    const took = performance.now() - told;
    report(`SIGTERM of busy ${pool}, to end within 1 s`, { 'ended after ms': took });
    expect(took).toBeGreaterThan(1_000);
    // A second beyond, and what a busy machine adds to that.
    expect(took).toBeLessThan(4_000);
    await untilGone(starts.map(({ pid }) => pid));
    await poolWorker(env, flags);
    expect(await calls[0]?.get(soon)).toBe('late-1');
    expect(await calls[1]?.get(soon)).toBe('late-2');
  });

  it('hands back at once what blocks its children after SIGQUIT, and exits with 1', async () => {
    const { app, trace, environment: env } = fromStage();
    const first = await poolWorker(env, flags);
    const call = app.sendTask('burn.first', ['quit']);
    const [start] = await trace.started('quit');
    first.signal('SIGQUIT');
    expect(await first.end()).toEqual({ code: 1, signal: null });
    await untilGone([start?.pid ?? 0]);
    await poolWorker(env, flags);
    expect(await call.get(soon)).toBe('quit');
    expect(trace.starts('quit')).toHaveLength(2);
  });

  it('exits with 1 after SIGQUIT also where nothing runs', async () => {
    const { environment: env } = fromStage();
    const worker = await poolWorker(env, flags);
    worker.signal('SIGQUIT');
    expect(await worker.end()).toEqual({ code: 1, signal: null });
  });

  it('leaves no child behind after a third signal', async () => {
    const { app, trace, environment: env } = fromStage();
    const worker = await poolWorker(env, flags);
    await app.sendTask('burn', ['third', 60_000]);
    const [start] = await trace.started('third');
    for (const signal of ['SIGTERM', 'SIGQUIT', 'SIGTERM'] as const) worker.signal(signal);
    expect(await worker.end()).toEqual({ code: 1, signal: null });
    await untilGone([start?.pid ?? 0]);
  });
});

describe('what cannot be told to end', () => {
  it('does not hold a worker whose time to stop is over: a thread in native code', async () => {
    const { app, trace, environment: env } = fromStage();
    const flags = ['-P', 'threads', '-c', '1', ...locked];
    const worker = await poolWorker(env, [...flags, '--shutdown-timeout', '1s']);
    const call = app.sendTask('grind', ['grind']);
    await trace.started('grind');
    const told = performance.now();
    worker.signal('SIGTERM');
    expect(await worker.end()).toEqual({ code: null, signal: 'SIGKILL' });
    report('SIGTERM of native code, to end within 1 s', {
      'ended after ms': performance.now() - told,
    });
    await poolWorker(env, flags);
    expect(await call.get(soon)).toBe('grind');
  });

  it('does not hold a worker whose time to stop is over: a Redis that is silent', async () => {
    const { app, trace, environment } = fromStage();
    const proxy = await startProxy(engine.port);
    const env = { ...environment, DTASK_BROKER_URL: proxy.url };
    const flags = ['-P', 'processes', '-c', '1', ...lapsing];
    const worker = await poolWorker(env, [...flags, '--shutdown-timeout', '1s']);
    const call = app.sendTask('burn.first', ['silent']);
    const [start] = await trace.started('silent');
    proxy.become('blackhole');
    const told = performance.now();
    worker.signal('SIGTERM');
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    const took = performance.now() - told;
    report('SIGTERM while Redis is silent, to end within 1 s', { 'ended after ms': took });
    expect(took).toBeLessThan(4_000);
    await untilGone([start?.pid ?? 0]);
    await poolWorker(environment, flags);
    expect(await call.get(soon)).toBe('silent');
  });
});

describe('a worker that is killed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dtask-path-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ['with setpriv where the system has it', {}],
    ['without setpriv', { PATH: folder }],
  ])('takes children along that are busy, %s', async (_title, path) => {
    const { app, trace, environment } = fromStage();
    const worker = await poolWorker({ ...environment, ...path }, ['-P', 'processes', '-c', '2']);
    await Promise.all([0, 1].map(() => app.sendTask('burn', ['orphan', 60_000])));
    const starts = await trace.started('orphan', 2);
    const pids = starts.map(({ pid }) => pid);
    expect(pids.every(isAlive)).toBe(true);
    await worker.kill();
    await untilGone(pids);
  });
});

describe('what is delivered at most once', () => {
  it.each(['inline', 'processes'] as const)(
    'is lost when its worker is stopped the hard way, and not handed back: %s',
    async (pool) => {
      const { app, trace, environment: env } = fromStage();
      const first = await poolWorker(env, ['-P', pool, '-c', '2', ...locked]);
      const once = app.sendTask('gated.once', ['once']);
      const often = app.sendTask('gated', ['often', 7]);
      await Promise.all([trace.started('once'), trace.started('often')]);
      await poolWorker(env, ['-P', pool, '-c', '2']);
      first.signal('SIGQUIT');
      expect(await rejection(once.get(soon))).toMatchObject({
        name: 'WorkerLostError',
        message: expect.stringContaining('may run only once') as string,
      });
      await trace.started('often', 2);
      trace.open('often');
      expect(await often.get(soon)).toBe(7);
      expect(await first.end()).toEqual({ code: 1, signal: null });
      expect(trace.starts('once')).toHaveLength(1);
      expect(await app.failed.count()).toBe(1);
      expect(await app.failed.show((await once).id)).toMatchObject({ task: 'gated.once' });
    },
  );
});

describe('Ctrl-C in a terminal, which signals all of its processes', () => {
  it('lets what runs in children end', async () => {
    const { app, trace, environment: env } = fromStage();
    const flags = ['-P', 'processes', '-c', '2'];
    const worker = await poolWorker(env, flags, true);
    const call = app.sendTask('gated', ['ctrl-c', 3]);
    const [start] = await trace.started('ctrl-c');
    worker.signalGroup('SIGINT');
    await worker.logged(/^stopping when 1 running/);
    trace.open('ctrl-c');
    expect(await call.get(soon)).toBe(3);
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    await untilGone([start?.pid ?? 0]);
    expect(trace.starts('ctrl-c')).toHaveLength(1);
  });

  it.runIf(process.platform === 'linux')('ends a worker whose children still start', async () => {
    const { environment: env } = fromStage();
    const setup = { env, app: 'pools/app.ts', flags: ['-P', 'processes'], leads: true };
    const worker = startWorkerSoon(setup);
    await until('its children start', () => descendants(worker.pid).length > 0);
    worker.signalGroup('SIGINT');
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    expect(worker.stderr).not.toContain('could not load');
  });
});

describe('SIGHUP', () => {
  it('ends a worker when its tasks have ended, with 75: it wants to be started again', async () => {
    const { app, trace, environment: env } = fromStage();
    const worker = await startWorker({ env });
    const call = app.sendTask('gated', ['hup', 3]);
    await trace.started('hup');
    worker.signal('SIGHUP');
    await worker.logged(/^stopping, for a new process to start when 1 running/);
    trace.open('hup');
    expect(await call.get(soon)).toMatchObject({ square: 9 });
    expect(await worker.end()).toEqual({ code: 75, signal: null });
  });

  it('is overruled by a stop, which is as gentle', async () => {
    const { app, trace, environment: env } = fromStage();
    const worker = await startWorker({ env });
    const call = app.sendTask('gated', ['hup-term', 3]);
    await trace.started('hup-term');
    worker.signal('SIGHUP');
    await worker.logged(/^stopping, for a new process/);
    worker.signal('SIGTERM');
    await worker.logged(/^stopping when 1 running/);
    trace.open('hup-term');
    expect(await call.get(soon)).toMatchObject({ square: 9 });
    expect(await worker.end()).toEqual({ code: 0, signal: null });
  });
});

describe('SIGUSR2', () => {
  it('has a worker log what it runs, and since when', async () => {
    const { app, trace, environment: env } = fromStage();
    const worker = await poolWorker(env, ['-P', 'processes', '-c', '2', '-Q', 'default,mail']);
    const call = await app.sendTask('gated', ['seen', 1]);
    await trace.started('seen');
    worker.signal('SIGUSR2');
    const line = await worker.logged(/^1 of 2 running/);
    expect(line).toMatchObject({ pool: 'processes', concurrency: 2, queues: ['default', 'mail'] });
    expect(line['running']).toEqual([
      {
        task: 'gated',
        id: call.id,
        queue: 'default',
        pool: 'processes',
        retries: 0,
        since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
      },
    ]);
    trace.open('seen');
    expect(await call.get(soon)).toBe(1);
  });
});

describe('a worker whose children cannot load the app any more', () => {
  it('says so and exits with 1', async () => {
    const { app, trace, environment: env } = fromStage();
    const flags = ['-P', 'processes', '-c', '1'];
    const worker = await startWorker({ env, app: 'broken/soon.ts', flags });
    trace.open('broken');
    await app.sendTask('quit', ['gone']);
    expect(await worker.end(25_000)).toEqual({ code: 1, signal: null });
    expect(worker.stderr).toMatch(/^dtask: 5 children in a row .*its configuration is gone/m);
  });

  it('does not start in the first place', async () => {
    const { trace, environment: env } = fromStage();
    trace.open('broken');
    const flags = ['-P', 'processes', '-c', '1'];
    const worker = startWorkerSoon({ env, app: 'broken/soon.ts', flags });
    expect(await worker.end()).toEqual({ code: 1, signal: null });
    expect(worker.stderr).toMatch(/^dtask: .*its configuration is gone/m);
  });
});

function poolWorker(
  env: Readonly<Record<string, string>>,
  flags: readonly string[],
  leads = false,
) {
  return startWorker({ env, app: 'pools/app.ts', flags, leads });
}

function fromStage() {
  const stage = setStage(engine.url);
  return { app: stage.app, trace: stage.trace, environment: stage.environment() };
}
