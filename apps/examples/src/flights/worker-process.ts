/** A worker as a user starts it: the `dtask worker` command in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** How long a worker may take to finish what it runs before it is killed, in milliseconds. */
const patience = 5_000;

/** A running `dtask worker`. */
export class WorkerProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #errors = '';
  #expected = false;

  /** Starts `dtask worker -A app`. A computation fills a core, so each worker runs one task at a time. */
  constructor(name: string, broker: string) {
    this.name = name;
    const app = fileURLToPath(new URL('./app.js', import.meta.url));
    this.#child = spawn(
      process.execPath,
      [commandFile(), 'worker', '-A', app, '-n', name, '-c', '1', '-l', 'info'],
      {
        env: { ...process.env, DTASK_BROKER_URL: broker },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      },
    );
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4_000);
    });
    this.#ended = once(this.#child, 'close').then(() => undefined);
  }

  /** The id of its process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether its process is there. */
  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * Waits until it takes tasks: its log, which is JSON off a terminal, then says `ready`.
   * @throws Error when it ends before that
   */
  async ready(): Promise<void> {
    const lines = createInterface({ input: this.#child.stdout ?? process.stdin });
    await Promise.race([this.unexpectedEnd(), saysReady(lines)]);
    // From here on nobody reads the log, and a full pipe would stop the worker.
    this.#child.stdout?.resume();
  }

  /** Is rejected when the worker ends unasked. */
  async unexpectedEnd(): Promise<never> {
    await this.#ended;
    if (this.#expected) return new Promise<never>(() => undefined);
    const { exitCode, signalCode } = this.#child;
    throw new Error(
      `worker ${this.name} ended by itself (${String(signalCode ?? `exit ${String(exitCode)}`)}):\n${this.#errors}`,
    );
  }

  /** Ends it in the middle of whatever it does. */
  kill(): void {
    this.#expected = true;
    this.#child.kill('SIGKILL');
  }

  /** Lets it finish what it runs, and waits until it is gone. */
  async stop(): Promise<void> {
    this.#expected = true;
    if (this.alive) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), patience);
    await this.#ended;
    clearTimeout(timer);
  }
}

async function saysReady(lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) {
    if ((JSON.parse(line) as { msg?: string }).msg === 'ready') return;
  }
}

/** The file behind the `dtask` command, as its package names it. */
function commandFile(): string {
  const manifest = new URL(import.meta.resolve('dtask/package.json'));
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { dtask: string } };
  return fileURLToPath(new URL(bin.dtask, manifest));
}
