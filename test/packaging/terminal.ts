/** A command that runs as in a terminal of its own: with a process group, which Ctrl-C reaches as a whole. */
import { type ChildProcess, spawn } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { until } from '../support/until.js';
import { cleanEnvironment } from './environment.js';

/** What runs now. A test process that ends early takes it along. */
const open = new Set<Terminal>();
process.on('exit', () => {
  for (const terminal of open) terminal.signal('SIGKILL');
});

/** A command that runs or has run. */
export class Terminal {
  readonly #child: ChildProcess;
  readonly #command: string;
  /** Resolves when it has ended and nothing can print to it any more. */
  readonly #closed: Promise<number | null>;
  #isClosed = false;
  stdout = '';
  stderr = '';

  constructor(
    cwd: string,
    command: readonly [string, ...string[]],
    env: Readonly<Record<string, string>> = {},
  ) {
    const [program, ...args] = command;
    this.#command = command.join(' ');
    const child = spawn(program, args, {
      cwd,
      env: cleanEnvironment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    open.add(this);
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#closed = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        this.#isClosed = true;
        open.delete(this);
        resolve(code);
      });
    });
  }

  /** Resolves when it has printed this. */
  async printed(text: string): Promise<void> {
    await this.#until(`has printed ${text}`, () => {
      if (this.stdout.includes(text)) return true;
      if (this.#isClosed)
        throw new Error(`${this.#command} ended before it printed ${text}:\n${this.#output}`);
      return false;
    });
  }

  /** Resolves to the exit code, when it has ended and so has all that it started. */
  async ended(limit?: number): Promise<number | null> {
    await this.#until('has ended', () => this.#isClosed, limit);
    return this.#closed;
  }

  /** Reaches every process of the command. */
  signal(name: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#isClosed) return;
    try {
      process.kill(-pid, name);
    } catch (error) {
      // Its last process may end at any moment.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  get #output(): string {
    return this.stdout + this.stderr;
  }

  async #until(what: string, predicate: () => boolean, limit = 20_000): Promise<void> {
    await until(`${this.#command} ${what}`, predicate, limit).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.#output}`, { cause: error });
    });
  }
}

/** Starts a command that ends with the test at the latest. */
export function start(...given: ConstructorParameters<typeof Terminal>): Terminal {
  const terminal = new Terminal(...given);
  onTestFinished(async () => {
    terminal.signal('SIGKILL');
    await terminal.ended();
  });
  return terminal;
}

/** Runs a command to its end. */
export async function run(
  ...given: ConstructorParameters<typeof Terminal>
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const terminal = start(...given);
  const code = await terminal.ended();
  return { code, stdout: terminal.stdout, stderr: terminal.stderr };
}
