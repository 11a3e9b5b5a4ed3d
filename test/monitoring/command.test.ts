/** The settings of health and traces, on the command line. */
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runDtask } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { startWorker } from '../support/worker-process.js';

const environment = (more: Readonly<Record<string, string>> = {}): Record<string, string> =>
  setStage(engine.url).environment(more);

describe('--http-port', () => {
  it('opens a port, which the log names, and which ends with the worker', async () => {
    const worker = await startWorker({ env: environment(), flags: ['--http-port', '0'] });
    const { http } = await worker.logged(/\/healthz/);
    const ready = await fetch(`${String(http)}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true }]);
    expect(await (await fetch(`${String(http)}/metrics`)).text()).toContain('dtask_worker_online{');
    worker.signal('SIGTERM');
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    await expect(fetch(`${String(http)}/healthz`)).rejects.toThrow('fetch failed');
  });

  it('that another process has keeps the worker from starting, and is named', async () => {
    const other = createServer();
    onTestFinished(() => void other.close());
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await runDtask(['worker', '-A', 'faults/app.ts'], {
      env: environment({ DTASK_HTTP_PORT: String(port) }),
    });
    expect(code).toBe(1);
    expect(stderr).toContain(
      `dtask: port ${port} of 127.0.0.1 cannot be opened: another process has it`,
    );
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

describe('DTASK_TRACING', () => {
  it('that is no yes or no is refused', async () => {
    const env = environment({ DTASK_TRACING: 'maybe' });
    const { code, stderr } = await runDtask(['worker', '-A', 'faults/app.ts'], { env });
    expect(code).toBe(1);
    expect(stderr).toContain('DTASK_TRACING must be true or false, got "maybe"');
  });
});
