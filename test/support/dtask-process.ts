/** The real `dtask` command in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { until } from './until.js';

const cli = fileURLToPath(new URL('../../apps/dtask/dist/cli.js', import.meta.url));

/** The folder of the apps that the tests run. */
export const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));

/** How a process ended: its exit code, or the signal that ended it. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Where to run the command. */
export interface Surroundings {
  /** @default test/fixtures */
  readonly cwd?: string;
  /** On top of the machine's own; what that says of dtask is left out. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it leads a process group of its own, as a command on a terminal does. @default false */
  readonly leads?: boolean;
  /** A script of Node's to run in place of the command. */
  readonly script?: string;
  /** A program to run in place of Node, with arguments of its own. */
  readonly program?: readonly [program: string, ...args: string[]];
}

/** What runs now. A test process that ends early takes them with it. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A `dtask` command that runs or has run. */
export class DtaskProcess {
  readonly child: ChildProcess;
  /** Resolves when it has ended and all its output was read. */
  readonly ended: Promise<Ending>;
  stdout = '';
  stderr = '';

  constructor(
    args: readonly string[],
    { cwd = fixtures, env = {}, leads = false, script = cli, program }: Surroundings = {},
  ) {
    const [run, ...given] = program ?? [process.execPath, script, ...args];
    const child = spawn(run, given, {
      cwd,
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: leads,
    });
    this.child = child;
    running.add(child);
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    const { pid } = this.child;
    if (pid === undefined) throw new Error('the process could not be started');
    return pid;
  }

  /** All that it printed. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Resolves when it has ended; throws, with what it said, where that takes too long. */
  async end(limit = 15_000): Promise<Ending> {
    await until(
      `dtask ${this.child.spawnargs.slice(2).join(' ')} has ended`,
      () => this.hasEnded,
      limit,
    ).catch((error: Error) => this.#complain(error));
    return this.ended;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Signals its whole group, as Ctrl-C on a terminal does. */
  signalGroup(name: NodeJS.Signals): void {
    process.kill(-this.pid, name);
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** Adds what it said to an error. */
  #complain(error: Error): never {
    throw new Error(`${error.message}\n${this.output}`, { cause: error });
  }
}

/** Starts a command that ends with the test at the latest. */
export function startDtask(args: readonly string[], surroundings?: Surroundings): DtaskProcess {
  const started = new DtaskProcess(args, surroundings);
  onTestFinished(() => started.kill());
  return started;
}

/** What a command that has ended printed. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How many commands run at a time, of tests that run side by side: each keeps a core busy for a second. */
const places = 2;
let taken = 0;
const queue: (() => void)[] = [];

/** Runs a command to its end. */
export async function runDtask(
  args: readonly string[],
  surroundings?: Surroundings,
): Promise<Finished> {
  if (taken < places) taken += 1;
  else await new Promise<void>((resolve) => queue.push(resolve));
  const started = new DtaskProcess(args, surroundings);
  try {
    const { code } = await started.end(20_000);
    return { code, stdout: started.stdout, stderr: started.stderr };
  } finally {
    await started.kill();
    const next = queue.shift();
    if (next) next();
    else taken -= 1;
  }
}

/** What a run of the suite may set for all of its processes. */
const ofTheRun: ReadonlySet<string> = new Set(['DTASK_EMBEDDED_ENGINE', 'DTASK_SHARDS']);

/** Without what would change how dtask or its output behave. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(DTASK_|VITEST|NODE_OPTIONS$|FORCE_COLOR$)/.test(name) || ofTheRun.has(name),
  );
  return { ...Object.fromEntries(kept), NO_COLOR: '1', NODE_ENV: 'development' };
}
