/** `dtask worker --embedded`: a Redis where none listens, which ends with its worker. */
import { existsSync, mkdtempSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fixtures, runDtask } from '../support/dtask-process.js';
import { Engine } from '../support/engine.js';
import { removeFolder } from '../support/remove-folder.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';
import { startWorker, type WorkerProcess } from '../support/worker-process.js';

describe('a worker with --embedded', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)(
    'starts a Redis at the broker address, which is gone after the worker got %s',
    async (signal) => {
      const port = await freePort();
      const { worker, app } = await startEmbeddedWorker(port);
      expect(worker.stderr).toMatch(/broker +redis:\/\/127\.0\.0\.1:\d+.*started here/);
      expect(await app.sendTask('echo', ['hello']).get({ timeout: '10s' })).toBe('hello');
      worker.signal(signal);
      expect(await worker.end()).toEqual(
        signal === 'SIGKILL' ? { code: null, signal } : { code: 0, signal: null },
      );
      await until('nothing listens at the address', async () => !(await listens(port)), 10_000);
    },
  );

  it.each(['redis+cluster://u:secret@127.0.0.1:1', 'redis+sentinel://:secret@127.0.0.1:1/main'])(
    'starts nothing in the place of %s, and says why',
    async (broker) => {
      const { code, stderr } = await runDtask(['worker', '-A', 'faults/app.ts', '--embedded'], {
        env: { DTASK_BROKER_URL: broker },
      });
      expect(code).toBe(1);
      expect(stderr).toContain(
        'an embedded Redis stands alone, and the broker is a cluster or has sentinels, of which none answers',
      );
      expect(stderr).not.toContain('secret');
    },
  );

  it('keeps its Redis until its running task has ended', async () => {
    const port = await freePort();
    const { worker, app, trace } = await startEmbeddedWorker(port);
    const call = await app.sendTask('gated', ['warm', 4]);
    await trace.started('warm');
    const value = call.get({ timeout: '10s' });
    worker.signal('SIGINT');
    await worker.logged(/^stopping when 1 running/);
    trace.open('warm');
    expect(await value).toMatchObject({ square: 16 });
    expect(await worker.end()).toEqual({ code: 0, signal: null });
  });

  it('uses the Redis that listens there already, and leaves it running', async () => {
    await using engine = await Engine.start();
    const { worker, app, folder } = await startEmbeddedWorker(engine.port);
    expect(worker.stderr).not.toContain('started here');
    expect(await app.sendTask('echo', ['there']).get({ timeout: '10s' })).toBe('there');
    worker.signal('SIGTERM');
    await worker.end();
    expect(await listens(engine.port)).toBe(true);
    expect(existsSync(join(folder, '.dtask'))).toBe(false);
  });

  it('refuses an address on another machine', async () => {
    const env = { DTASK_BROKER_URL: 'redis://dtask.invalid:6390/0' };
    const { code, stderr } = await runDtask(['worker', '--embedded', '-A', 'faults/app.ts'], {
      env,
    });
    expect(code).toBe(1);
    expect(stderr).toContain('dtask.invalid:6390');
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

/** A worker with `--embedded` in a folder of its own, where an engine keeps its data. */
async function startEmbeddedWorker(
  port: number,
): Promise<
  Pick<ReturnType<typeof setStage>, 'app' | 'trace'> & { worker: WorkerProcess; folder: string }
> {
  const folder = mkdtempSync(join(tmpdir(), 'dtask-embedded-'));
  onTestFinished(() => removeFolder(folder));
  const stage = setStage(`redis://127.0.0.1:${port}/0`);
  const worker = await startWorker({
    app: `${fixtures}faults/app.ts`,
    cwd: folder,
    env: stage.environment(),
    flags: ['--embedded'],
  });
  return { worker, app: stage.app, trace: stage.trace, folder };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
