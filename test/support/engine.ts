/** A Redis of the test's own, which can be killed and comes back on the same port. */
import { accessSync, constants, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Embedded, startEmbedded } from '@dtask/embedded';
import { removeFolder } from './remove-folder.js';
import { until } from './until.js';

/** Whether a native server is here, whose data survives its restart. */
export const hasNative = findNative();

/** The reason that tests print when they are skipped for the want of one. */
export const needsNative =
  'needs valkey-server or redis-server on PATH, whose data survives a restart';

function findNative(): boolean {
  if (process.env['DTASK_EMBEDDED_ENGINE'] === 'wasm') return false;
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.some((folder) =>
    ['valkey-server', 'redis-server'].some((name) => isExecutable(join(folder, name))),
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // It is not there, or not ours to run: either way it is no server for this test.
    return false;
  }
}

/** An engine under test. */
export class Engine implements AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly #dir: string | false;
  #running: Embedded | undefined;

  private constructor(running: Embedded, dir: string | false) {
    this.port = running.port;
    this.url = running.url;
    this.#running = running;
    this.#dir = dir;
  }

  /** @param keep whether its data is there again after `start()`; takes a native server */
  static async start({ keep = false } = {}): Promise<Engine> {
    const dir = keep && mkdtempSync(join(tmpdir(), 'dtask-chaos-'));
    return new Engine(await startEmbedded({ dir }), dir);
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    process.kill(running.pid, 'SIGKILL');
    await running.lost;
    await this.stop();
  }

  /** Has it stand still, as a machine does that is suspended; gives what has it go on. */
  freeze(): () => void {
    const pid = this.#running?.pid;
    if (pid === undefined) throw new Error('the engine does not run');
    process.kill(pid, 'SIGSTOP');
    return () => process.kill(pid, 'SIGCONT');
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  /** Brings it back on the same port. */
  async back(): Promise<void> {
    const { port } = this;
    this.#running = await until(`the engine is back on port ${port}`, () =>
      startEmbedded({ dir: this.#dir, port }).catch(whileTaken),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (this.#dir !== false) await removeFolder(this.#dir);
  }
}

/** A port may stay taken for a moment after its process has ended; anything else is an error. */
function whileTaken(error: unknown): undefined {
  if ((error as { code?: unknown }).code === 'EMBEDDED_PORT_TAKEN') return undefined;
  throw error;
}
