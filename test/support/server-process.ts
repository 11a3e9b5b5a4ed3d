/** A Redis server of a test's own, started with settings of the test's choice. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { Redis } from 'ioredis';

/** The program, if there is one: the embedded engine is no cluster and has no sentinels. */
export const nativeServer = ['valkey-server', 'redis-server'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

/** What runs now. A test process that ends early takes it along. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A server, and a client that looks at it from outside of dtask. */
export class ServerProcess {
  readonly port: number;
  readonly redis: Redis;
  readonly #child: ChildProcess;

  /**
   * @param args what stands ahead of the settings: a file of them, or none
   * @param password that it asks for
   */
  constructor(
    port: number,
    settings: Readonly<Record<string, string | number>>,
    args: readonly string[] = [],
    password = '',
  ) {
    this.port = port;
    const given = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]);
    const child = spawn(nativeServer ?? 'redis-server', [...args, ...given], { stdio: 'ignore' });
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.redis = new Redis({ port, password, maxRetriesPerRequest: null, retryStrategy: () => 50 });
    // It is away for a time; an 'error' that nobody hears would end the run.
    this.redis.on('error', () => undefined);
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.redis.disconnect();
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** Has it hear nothing and say nothing, with its connections open, until `resume()`. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }
}
