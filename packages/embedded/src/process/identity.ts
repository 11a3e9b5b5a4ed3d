/** Tells whether a process runs, and names it so that another one, given the same pid later, is not taken for it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import process from 'node:process';

/** A pid together with when the process was born, in the system's own notation; null where that cannot be learnt. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly born: string | null;
}

/** In place of a birth: the process is dead, and its parent has not yet asked how it ended. */
const ZOMBIE = 'zombie';

/** True while the pid names a process that runs, whoever owns it. */
export function isAlive(pid: number): boolean {
  if (!hasPid(pid)) return false;
  // In a container whose first process collects no orphans, a dead one keeps its pid for ever.
  return process.platform !== 'linux' || birthOf(pid) !== ZOMBIE;
}

/** The identity of a process that runs now. */
export function identify(pid: number): ProcessIdentity {
  return { pid, born: birthOf(pid) };
}

/** True while that very process runs. Where births cannot be learnt the pid alone decides. */
export function isRunning({ pid, born }: ProcessIdentity): boolean {
  if (!hasPid(pid)) return false;
  const now = birthOf(pid);
  if (now === ZOMBIE) return false;
  return now === null || born === null || now === born;
}

function hasPid(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function birthOf(pid: number): string | null {
  try {
    return process.platform === 'linux' ? birthFromProc(pid) : birthFromPs(pid);
  } catch {
    // Gone in between, or a system without either source.
    return null;
  }
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot. */
function birthFromProc(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field is the program's name in brackets and may itself hold spaces and brackets.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' ? ZOMBIE : (fields[18] ?? '');
}

function birthFromPs(pid: number): string {
  return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
}
