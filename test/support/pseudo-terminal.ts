/** A shell in a terminal of its own, by util-linux' `script`: what runs there sees a TTY, and has keys. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { cleanEnvironment } from './dtask-process.js';
import { until } from './until.js';

/** Whether there can be one here. */
export const hasPseudoTerminal =
  process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;

/** The reason that tests print when they are skipped for the want of one. */
export const needsPseudoTerminal = "needs util-linux' script, to have a terminal";

/** What runs now. A test process that ends early takes it along. */
const open = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of open) child.kill('SIGKILL');
});

/** A terminal in which a command of the shell runs. */
export class PseudoTerminal {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #hasEnded = false;
  /** All that was written to it. */
  output = '';

  /** @param command for `sh` */
  constructor(
    command: string,
    { cwd, env = {} }: { cwd?: string; env?: Readonly<Record<string, string>> } = {},
  ) {
    const child = spawn('script', ['-qfec', `stty cols 100 rows 30; ${command}`, '/dev/null'], {
      cwd,
      env: {
        ...cleanEnvironment(),
        SHELL: '/bin/sh',
        TERM: 'xterm-256color',
        ...env,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child = child;
    open.add(child);
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.#ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        this.#hasEnded = true;
        open.delete(child);
        resolve(code);
      });
    });
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await this.#ended;
    });
  }

  /** Resolves when something was written behind a place in `output`. */
  async shows(text: string | RegExp, behind = 0, limit?: number): Promise<void> {
    await until(
      `the terminal shows ${String(text)}`,
      () => {
        const found = this.output.slice(behind);
        if (typeof text === 'string' ? found.includes(text) : text.test(found)) return true;
        if (this.#hasEnded) throw new Error(`it ended without ${String(text)}:\n${this.output}`);
        return false;
      },
      limit,
    );
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Resolves to the exit code of the command. */
  async ended(): Promise<number | null> {
    await until('the terminal has ended', () => this.#hasEnded).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.output}`, { cause: error });
    });
    return this.#ended;
  }
}
