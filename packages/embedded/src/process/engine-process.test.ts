/** What ties an engine to the program that started it, tried by killing real processes. */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { ENGINES, hasNative, parentOf, runProgram, waitUntilGone } from '../../fixtures/program.js';
import { findNativeServer } from '../native/executable.js';
import { isAlive } from './identity.js';

// Each test starts processes, which takes long on a busy machine.
vi.setConfig({ testTimeout: 20_000 });

/** A PATH with the native server and nothing else, so no setpriv. */
const folder = mkdtempSync(join(tmpdir(), 'dtask-embedded-'));
const native = findNativeServer();
if (native !== undefined) symlinkSync(native.path, join(folder, native.name));
const withoutSetpriv = { PATH: folder };
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(ENGINES)('the %s engine and the program that started it', (engine) => {
  it('leaves no orphan when the program is killed with SIGKILL', async () => {
    const program = await runProgram({ engine, dir: false }, 'hold');
    process.kill(program.pid, 'SIGKILL');
    await waitUntilGone(program.engine);
  });

  it('leaves no orphan when the whole process group is killed, and there is no setpriv', async () => {
    const program = await runProgram({ engine, dir: false }, 'hold', withoutSetpriv);
    process.kill(-program.pid, 'SIGKILL');
    await waitUntilGone(program.engine);
  });

  it('ends with a program that crashes', async () => {
    const program = await runProgram({ engine, dir: false }, 'crash');
    expect(await program.ended).toBe(1);
    await waitUntilGone(program.engine);
  });

  it('lets a program that forgot stop() end, and ends with it', async () => {
    const program = await runProgram({ engine, dir: false }, 'forget');
    expect(await program.ended).toBe(0);
    await waitUntilGone(program.engine);
  });

  it('serves on after Ctrl-C until the program has shut down', async () => {
    const program = await runProgram({ engine, dir: false }, 'warm');
    process.kill(-program.pid, 'SIGINT');
    expect(await program.ended).toBe(0);
    expect(program.output()).toContain('served after SIGINT');
    await waitUntilGone(program.engine);
  });
});

describe('the WebAssembly engine on its own', () => {
  it('is not ended by signals sent to it', async () => {
    const program = await runProgram({ engine: 'wasm' }, 'hold');
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.kill(program.engine.pid, signal);
    const redis = new Redis(program.engine.port);
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
    process.kill(program.pid, 'SIGKILL');
    await waitUntilGone(program.engine);
  });

  it('leaves no orphan even while a script that never ends keeps it busy', async () => {
    const program = await runProgram({ engine: 'wasm' }, 'hold');
    const redis = new Redis(program.engine.port, { retryStrategy: () => null });
    redis.on('error', () => undefined);
    await redis.ping();
    const busy = redis.eval('while true do end', 0).catch(() => 'cut off');
    process.kill(program.pid, 'SIGKILL');
    await waitUntilGone(program.engine);
    expect(await busy).toBe('cut off');
  });
});

describe.skipIf(!hasNative)('the guardian of a native engine', () => {
  it.each([
    ['with setpriv where the system has it', {}],
    ['without setpriv', withoutSetpriv],
  ])(
    'may be killed: the program stops the server and learns of the loss, %s',
    async (_title, env) => {
      const program = await runProgram({ engine: 'native', dir: false }, 'hold', env);
      process.kill(parentOf(program.engine.pid), 'SIGKILL');
      await waitUntilGone(program.engine);
      await vi.waitUntil(() => program.output().includes('lost: EMBEDDED_LOST'), {
        timeout: 4_000,
      });
      process.kill(program.pid, 'SIGKILL');
      await program.ended;
    },
  );

  it('is not ended by signals, nor does it pass them on', async () => {
    const program = await runProgram({ engine: 'native', dir: false }, 'hold');
    const guardian = parentOf(program.engine.pid);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(guardian, signal);
    const redis = new Redis(program.engine.port);
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
    process.kill(program.pid, 'SIGKILL');
    await waitUntilGone(program.engine);
    await vi.waitUntil(() => !isAlive(guardian), { timeout: 4_000 });
  });
});
