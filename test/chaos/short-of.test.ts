/** What a process does that the system gives no more: descriptors, of which each child takes some. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { descendants, untilGone } from '../support/alive.js';
import { runDtask } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { startWorker, startWorkerSoon, type WorkerProcess } from '../support/worker-process.js';

const soon = { timeout: '60s' } as const;
const canLimit = process.platform === 'linux';

/** Lets a process have no descriptors beyond those that it has, or as many as it wants. */
async function limit({ pid }: { readonly pid: number }, isShort: boolean): Promise<void> {
  const most = isShort ? 3 : 4_096;
  const prlimit = spawn('prlimit', ['--pid', String(pid), `--nofile=${most}:`]);
  const code = await new Promise((resolve) => prlimit.once('exit', resolve));
  expect(code).toBe(0);
}

describe.runIf(canLimit)('a worker that has no descriptors left', { timeout: 60_000 }, () => {
  it.each(['processes', 'threads'] as const)(
    'goes on, and has its children again when it gets some: %s',
    { timeout: 60_000 },
    async (pool) => {
      const { app, trace, hire } = fromStage();
      const worker = await hire(['-P', pool, '-c', '1']);
      const before = await app.sendTask('where', [1]).get(soon);
      const call = app.sendTask('quit.first', ['crash']);
      await trace.started('crash');
      await limit(worker, true);
      trace.open('crash');
      await worker.logged(/^a child could not be started; it is tried again in 400ms/);
      expect(worker.hasEnded).toBe(false);
      expect(await app.inspect.ping()).not.toEqual({});
      await limit(worker, false);
      expect(await call.get(soon)).toBe('survived');
      expect(trace.starts('crash')).toHaveLength(2);
      expect(await app.sendTask('where', [1]).get(soon)).not.toBe(before);
      worker.signal('SIGTERM');
      expect(await worker.end()).toEqual({ code: 0, signal: null });
    },
  );

  it('hands back what waits for a child when it is told to stop', async () => {
    const { app, trace, hire } = fromStage();
    const worker = await hire(['-P', 'processes', '-c', '1']);
    await app.sendTask('where', [1]).get(soon);
    await limit(worker, true);
    const call = app.sendTask('kill.first', ['stopped', 1]);
    await worker.logged(/^a child could not be started/);
    worker.signal('SIGTERM');
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    await hire(['-P', 'processes', '-c', '1']);
    expect(await call.get(soon)).toBe('survived');
    expect(trace.starts('stopped')).toHaveLength(2);
  });

  it('keeps the tasks of a dead one until it can start a process for them', async () => {
    const { app, trace, hire } = fromStage();
    const lapsing = ['--lock-duration', '2s', '--stalled-interval', '500ms'];
    const first = await hire(lapsing);
    const call = app.sendTask('gated', ['suspect', 7]);
    await trace.started('suspect');
    const second = await hire(lapsing);
    await limit(second, true);
    await first.kill();
    await second.logged(/^a child could not be started/);
    await limit(second, false);
    trace.open('suspect');
    expect(await call.get(soon)).toBe(7);
  });
});

describe.runIf(canLimit)('a supervisor that has no descriptors left', { timeout: 60_000 }, () => {
  it('starts its worker again when it gets some', { timeout: 60_000 }, async () => {
    const { app, environment } = fromStage();
    const setup = { env: environment, app: 'pools/app.ts', flags: ['--workers', '1'] };
    const fleet = startWorkerSoon(setup);
    await fleet.logged(/^ready$/);
    expect(await app.sendTask('add', [1, 2]).get(soon)).toBe(3);
    const [pid] = descendants(fleet.pid);
    await limit(fleet, true);
    process.kill(pid ?? 0, 'SIGKILL');
    await untilGone([pid ?? 0]);
    await fleet.logged(/could not be started: spawn .*EMFILE; it starts again in/);
    expect(fleet.hasEnded).toBe(false);
    await limit(fleet, false);
    expect(await app.sendTask('add', [2, 2]).get(soon)).toBe(4);
    fleet.signal('SIGTERM');
    expect(await fleet.end()).toEqual({ code: 0, signal: null });
  });
});

describe.runIf(canLimit)('a program that has no descriptors left', { timeout: 60_000 }, () => {
  it.each(['wasm', 'native'])('is told so when it starts an engine: %s', async (kind) => {
    const script = fileURLToPath(
      new URL('../fixtures/faults/engine-short-of.mjs', import.meta.url),
    );
    const { code, stdout } = await runDtask([kind], { script });
    expect(stdout).toMatch(
      /^EMBEDDED_START the embedded engine could not be run: spawn .*EMFILE; raise/,
    );
    expect(code).toBe(0);
  });
});

function fromStage() {
  const stage = setStage(engine.url);
  const environment = stage.environment();
  const hire = (flags: readonly string[]): Promise<WorkerProcess> =>
    startWorker({ env: environment, app: 'pools/app.ts', flags });
  return { app: stage.app, trace: stage.trace, environment, hire };
}
