/** The lock of a data folder: two servers that append to one file would ruin it. */
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedError } from '../errors.js';
import { signal } from '../process/ending.js';
import { identify, isRunning, type ProcessIdentity } from '../process/identity.js';

const LOOK_EVERY_MS = 50;

/** Who uses the folder. Written whole or not at all, so that nobody reads half of it. */
interface Holder {
  readonly machine: string;
  /** The process that asked for the engine. */
  readonly owner: ProcessIdentity;
  readonly guardian: ProcessIdentity;
  /** Absent until the server is spawned. */
  readonly server?: ProcessIdentity;
}

export class DataLock {
  private readonly path: string;
  private holder: Holder;

  private constructor(path: string, holder: Holder) {
    this.path = path;
    this.holder = holder;
  }

  /**
   * Takes the folder for this process. An engine that is just ending (its owner gone) is waited for until `deadline`;
   * a lock whose processes are all gone is cleared away. Throws `EMBEDDED_DIR_TAKEN` when the folder is in use.
   */
  static async take(dir: string, owner: number, deadline: number): Promise<DataLock> {
    const path = join(dir, 'engine.lock');
    const holder = { machine: hostname(), owner: identify(owner), guardian: identify(process.pid) };
    while (!(await create(path, holder))) {
      const text = await readIfThere(path);
      const other = text === undefined ? undefined : parse(text);
      if (text === undefined) continue;
      if (other === undefined || isStale(other)) await clear(path, text);
      else if (inUse(other) || performance.now() > deadline) throw taken(dir, path, other);
      else await endOrphan(other);
    }
    return new DataLock(path, holder);
  }

  /** Notes the server, so that the folder counts as in use for as long as that runs. */
  async note(server: number): Promise<void> {
    this.holder = { ...this.holder, server: identify(server) };
    const draft = `${this.path}.${process.pid}`;
    await writeFile(draft, JSON.stringify(this.holder));
    await rename(draft, this.path);
  }

  /** Gives the folder back. */
  async release(): Promise<void> {
    await clear(this.path, JSON.stringify(this.holder));
  }
}

/** A link fails when its name is there, and brings the whole content with it. */
async function create(path: string, holder: Holder): Promise<boolean> {
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, JSON.stringify(holder));
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}

/** Removes the lock if it still reads as it did. */
async function clear(path: string, expected: string): Promise<void> {
  // Moved aside first: of two processes that found the same stale lock, one may meanwhile have put its own there.
  const aside = `${path}.${process.pid}.stale`;
  try {
    await rename(path, aside);
    if ((await readFile(aside, 'utf8')) !== expected) await link(aside, path);
    await unlink(aside);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Undefined for what no guardian has written, as a disk leaves it after a power cut. */
function parse(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null;
    return value?.guardian?.pid !== undefined && value.owner?.pid !== undefined
      ? (value as Holder)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Pids of another machine or container say nothing here, so such a lock is never stale. */
function isStale({ machine, guardian, server }: Holder): boolean {
  return (
    machine === hostname() && !isRunning(guardian) && (server === undefined || !isRunning(server))
  );
}

function inUse({ machine, owner, guardian }: Holder): boolean {
  return machine !== hostname() || (isRunning(owner) && isRunning(guardian));
}

/** A server that outlived both owner and guardian has nobody to stop it; one that has a guardian is being stopped. */
async function endOrphan({ owner, guardian, server }: Holder): Promise<void> {
  if (server !== undefined && !isRunning(owner) && !isRunning(guardian))
    signal(server.pid, 'SIGTERM');
  await delay(LOOK_EVERY_MS);
}

function taken(dir: string, path: string, { machine, owner, server }: Holder): EmbeddedError {
  const who = `process ${owner.pid}${server === undefined ? '' : ` (its server is ${server.pid})`}`;
  const advice =
    machine === hostname()
      ? 'stop that one, give another dir, or connect to it'
      : `stop that one, or delete ${path} if it no longer runs`;
  return new EmbeddedError(
    'EMBEDDED_DIR_TAKEN',
    `${dir} is in use by the embedded engine of ${who} on ${machine}; ${advice}`,
  );
}
