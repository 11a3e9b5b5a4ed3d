/** The program that stands between the starting process and a native server, and ends the server when that is gone. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { EmbeddedError, reasonOf } from '../errors.js';
import { tryPort } from '../free-port.js';
import type { GuardianConfig } from '../process/message.js';
import {
  failStart,
  followParent,
  readConfig,
  reportLost,
  tellParent,
} from '../process/parent-link.js';
import { DataLock } from './data-lock.js';
import { deathSignalCommand } from './executable.js';
import { NativeServer } from './server.js';

/** Another program may take a port between our finding it free and the server's listening on it. */
const PORT_ATTEMPTS = 5;

class Guardian {
  private readonly config: GuardianConfig;
  private lock: DataLock | undefined;
  private server: NativeServer | undefined;
  private ending = false;

  constructor(config: GuardianConfig) {
    this.config = config;
  }

  /** Takes the folder, runs the server and says so; then reports its end should that come unasked. */
  async guard(): Promise<void> {
    const deadline = performance.now() + this.config.startTimeout;
    const dataDir = await this.takeFolder(deadline);
    const { server, port, version, pid } = await this.startServer(dataDir, deadline);
    await tellParent({ type: 'ready', port, pid, version });
    const how = await server.ended;
    if (this.ending) return;
    await this.lock?.release();
    await reportLost(`${this.config.command} ${how}${server.said()}`);
  }

  /** Stops the server, gives the folder back and ends this process. */
  async end(): Promise<void> {
    if (this.ending) return;
    this.ending = true;
    await this.server?.stop();
    await this.lock?.release();
    process.exit(0);
  }

  /** Reports why the start failed, with nothing of it left behind. */
  async fail(error: unknown): Promise<void> {
    // What the parent asked to end is no failure, and end() is at work on it.
    if (this.ending) return;
    this.ending = true;
    await this.server?.stop();
    await this.lock?.release();
    await failStart(error);
  }

  private async takeFolder(deadline: number): Promise<string | false> {
    const { dir, owner } = this.config;
    if (dir === false) return false;
    const dataDir = join(dir, 'redis');
    await mkdir(dataDir, { recursive: true }).catch((error: unknown) => {
      throw new EmbeddedError(
        'EMBEDDED_START',
        `cannot make the data folder: ${reasonOf(error)}; give another dir, or dir: false`,
      );
    });
    this.lock = await DataLock.take(dataDir, owner, deadline);
    return dataDir;
  }

  private async startServer(dataDir: string | false, deadline: number) {
    const { command, host } = this.config;
    const prefix = deathSignalCommand();
    for (let attempt = 1; ; attempt++) {
      const port = await tryPort(host, this.config.port);
      // Also keeps a server from being spawned after end() has looked for one to stop.
      if (this.ending)
        throw new EmbeddedError('EMBEDDED_START', 'stopped while starting; start it again');
      const server = new NativeServer({ command, prefix, host, port, dataDir });
      this.server = server;
      const { pid } = server;
      try {
        if (pid !== undefined) await this.announce(pid);
        const { version } = await server.ready(deadline);
        return { server, port, version, pid: pid ?? 0 };
      } catch (error) {
        const again = error instanceof EmbeddedError && error.code === 'EMBEDDED_PORT_TAKEN';
        if (!again || this.config.port !== 0 || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  private async announce(pid: number): Promise<void> {
    await tellParent({ type: 'spawned', pid });
    await this.lock?.note(pid);
  }
}

let guardian: Guardian | undefined;
followParent(() => {
  if (guardian) void guardian.end();
  else process.exit(0);
});
guardian = new Guardian(await readConfig<GuardianConfig>());
await guardian.guard().catch((error: unknown) => guardian.fail(error));
