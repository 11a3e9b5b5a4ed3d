/** Tells whether processes are still there. */
import { readFileSync } from 'node:fs';
import { until } from './until.js';

/** Whether a process runs; one that is dead, and not yet buried by its parent, does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    // There is no such process.
    return false;
  }
  if (process.platform !== 'linux') return true;
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    // It ended in between.
    return false;
  }
}

/** Resolves when none of the processes runs any more. */
export async function untilGone(pids: Iterable<number>, limit = 5_000): Promise<void> {
  const all = [...pids];
  await until(
    `none of the processes ${all.join(', ')} is alive`,
    () => !all.some((pid) => isAlive(pid)),
    limit,
  );
}

/** The processes that a process has started, and those that they have started. Linux only. */
export function descendants(pid: number): number[] {
  let own: number[];
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
    own = text.split(' ').filter(Boolean).map(Number);
  } catch {
    // It is gone.
    return [];
  }
  return [...own, ...own.flatMap(descendants)];
}
