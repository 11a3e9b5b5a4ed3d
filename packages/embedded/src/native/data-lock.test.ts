/** What a data folder promises: data that survives, and one engine at a time. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hasNative, parentOf, runProgram, waitUntilGone } from '../../fixtures/program.js';
import { startEmbedded } from '../index.js';
import { signal } from '../process/ending.js';

// Each test starts processes, which takes long on a busy machine.
vi.setConfig({ testTimeout: 20_000 });

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dtask-embedded-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const lockPath = (): string => join(dir, 'redis', 'engine.lock');

async function withClient<T>(url: string | number, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(String(url));
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

function writeLock(content: object | string): void {
  mkdirSync(join(dir, 'redis'), { recursive: true });
  writeFileSync(lockPath(), typeof content === 'string' ? content : JSON.stringify(content));
}

/** The pid of a process that has ended. */
const GONE = { pid: 2 ** 22 + 1, born: '1' };

describe.skipIf(!hasNative)('the data folder of a native engine', () => {
  it('holds after stop() and start what was written before', async () => {
    const first = await startEmbedded({ engine: 'native', dir });
    expect(first.persistent).toBe(true);
    await withClient(first.url, (redis) => redis.set('kept', 'yes'));
    await first.stop();
    expect(existsSync(lockPath())).toBe(false);
    await using second = await startEmbedded({ engine: 'native', dir });
    expect(await withClient(second.url, (redis) => redis.get('kept'))).toBe('yes');
  });

  it('holds what was written before the program was killed, for a program that starts right after', async () => {
    const program = await runProgram({ engine: 'native', dir }, 'hold');
    await withClient(program.engine.port, (redis) => redis.set('kept', 'yes'));
    process.kill(program.pid, 'SIGKILL');
    await program.ended;
    await using second = await startEmbedded({ engine: 'native', dir });
    expect(await withClient(second.url, (redis) => redis.get('kept'))).toBe('yes');
    await waitUntilGone(program.engine);
  });

  it('is refused to a second engine while the first one uses it', async () => {
    await using first = await startEmbedded({ engine: 'native', dir });
    await expect(startEmbedded({ engine: 'native', dir })).rejects.toMatchObject({
      code: 'EMBEDDED_DIR_TAKEN',
      message:
        `${join(dir, 'redis')} is in use by the embedded engine of process ${process.pid} (its server is ${first.pid}) ` +
        `on ${hostname()}; stop that one, give another dir, or connect to it`,
    });
    expect(await withClient(first.url, (redis) => redis.ping())).toBe('PONG');
  });

  it('goes to exactly one of several engines that start at once, also over a stale lock', async () => {
    writeLock({ machine: hostname(), owner: GONE, guardian: GONE });
    const starts = await Promise.allSettled(
      Array.from({ length: 4 }, () => startEmbedded({ engine: 'native', dir })),
    );
    const started = starts.filter((start) => start.status === 'fulfilled');
    const refused = starts.filter((start) => start.status === 'rejected');
    await Promise.all(started.map(({ value }) => value.stop()));
    expect(started).toHaveLength(1);
    expect(refused.map(({ reason }) => (reason as { code: string }).code)).toEqual(
      Array(3).fill('EMBEDDED_DIR_TAKEN'),
    );
  });

  it('is taken over from an engine whose every process was killed', async () => {
    const program = await runProgram({ engine: 'native', dir }, 'hold');
    const guardian = parentOf(program.engine.pid);
    // The server may be gone with its guardian, by the system's own hand.
    for (const pid of [program.pid, guardian, program.engine.pid]) signal(pid, 'SIGKILL');
    await waitUntilGone(program.engine);
    expect(existsSync(lockPath())).toBe(true);
    await using second = await startEmbedded({ engine: 'native', dir });
    expect(JSON.parse(readFileSync(lockPath(), 'utf8'))).toMatchObject({
      server: { pid: second.pid },
    });
  });

  it.each([
    [
      'a pid that now names another process',
      { machine: hostname(), owner: { pid: 1, born: '-1' }, guardian: { pid: 1, born: '-1' } },
    ],
    ['a lock that a power cut left empty', ''],
  ])('is not kept locked by %s', async (_title, lock) => {
    writeLock(lock);
    await using embedded = await startEmbedded({ engine: 'native', dir });
    expect(await withClient(embedded.url, (redis) => redis.ping())).toBe('PONG');
  });

  it('stays with another machine, whose processes cannot be seen from here', async () => {
    writeLock({ machine: 'elsewhere', owner: GONE, guardian: GONE });
    await expect(startEmbedded({ engine: 'native', dir })).rejects.toMatchObject({
      code: 'EMBEDDED_DIR_TAKEN',
      message: expect.stringContaining(
        `on elsewhere; stop that one, or delete ${lockPath()} if it no longer runs`,
      ),
    });
  });

  it('says so when it cannot be made', async () => {
    writeFileSync(join(dir, 'file'), '');
    await expect(startEmbedded({ engine: 'native', dir: join(dir, 'file') })).rejects.toMatchObject(
      {
        code: 'EMBEDDED_START',
        message: expect.stringContaining('cannot make the data folder'),
      },
    );
  });
});
