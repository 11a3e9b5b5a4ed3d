/**
 * The npm or npx that a service was started by. Told to stop, npm tells only the shell that it has started the
 * service with, and goes: the service would go on, with nobody to stop it.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';

/** How often it is looked whether npm is there, in milliseconds: as the first process of a container it stays for half a second. */
const interval = 100;
/** A signal that comes again within this time may be the same one, which npm has passed on, in milliseconds. */
export const echo = 500;

/** A process, as the system tells of it. */
interface Told {
  readonly parent: number;
  readonly command: string;
  /** Absent where the system does not tell. */
  readonly session?: string | undefined;
}

const shells = /(?:^|\/)(?:ba|da|a|k|z|)sh$|(?:^|\/)busybox$/;

/** Above this process, with nothing but shells in between. One may have been started by another. */
export class NpmAbove {
  /** This process, its parent, and so on, up to the last npm. */
  readonly #line: readonly number[];

  private constructor(line: readonly number[]) {
    this.#line = line;
  }

  /** Gives nothing where npm did not start this process, has gone already, or is in another session: on purpose. */
  static find(env: NodeJS.ProcessEnv = process.env): NpmAbove | undefined {
    const { npm_execpath: script } = env;
    if (script === undefined || process.platform === 'win32') return undefined;
    const session = look(process.pid)?.session;
    const line = [process.pid];
    let length = 1;
    for (let pid = process.ppid, one = look(pid); one && pid > 0; one = look(pid)) {
      if (one.session !== session) break;
      line.push(pid);
      if (isNpm(one.command, script)) ({ length } = line);
      else if (!shells.test(one.command.split(' ', 1)[0] ?? '')) break;
      pid = one.parent;
    }
    return length > 1 ? new NpmAbove(line.slice(0, length)) : undefined;
  }

  /** Whether it is the first process of its container: with its end all others are killed. */
  get isFirst(): boolean {
    return this.#line.at(-1) === 1;
  }

  /** Calls `onGone` when it has gone, or does not wait for this process any more. */
  watch(onGone: () => void): void {
    const timer = setInterval(() => {
      if (this.#isWhole()) return;
      clearInterval(timer);
      onGone();
    }, interval).unref();
  }

  #isWhole(): boolean {
    const [, parent, ...others] = this.#line;
    if (process.ppid !== parent) return false;
    // A shell outlives the npm that was killed, and gets another parent.
    if (process.platform === 'linux')
      return others.every((pid, at) => look(this.#line[at + 1] ?? 0)?.parent === pid);
    return others.every(isAlive);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** npm names its process after what it does; others like it are known by their script. */
function isNpm(command: string, script: string): boolean {
  return /^(?:npm|npx) /.test(command) || command.split(' ').some((part) => part === script);
}

/** Gives nothing where there is no such process, or the system does not tell of it. */
function look(pid: number): Told | undefined {
  try {
    return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
  } catch {
    // That there is none is the answer.
    return undefined;
  }
}

function fromProc(pid: number): Told {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ');
  return { parent: Number(parent), command, session };
}

function fromPs(pid: number): Told {
  const line = execFileSync('ps', ['-o', 'ppid=,command=', '-p', String(pid)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 1_000,
  }).trim();
  const [parent = '', ...words] = line.split(/\s+/);
  return { parent: Number(parent), command: words.join(' ') };
}
