/** Ends a process by its pid: politely, then by force. */
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from './identity.js';

/** How long a server may take to write its data out before it is killed. */
export const GRACE_MS = 5_000;

const LOOK_EVERY_MS = 20;

/** Sends a signal; a process that is gone already is what was wanted. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/** SIGTERM, and SIGKILL after the grace. Resolves when `gone` holds, or shortly after the SIGKILL. */
export async function endProcess(
  pid: number,
  gone: () => boolean = () => !isAlive(pid),
): Promise<void> {
  if (gone()) return;
  signal(pid, 'SIGTERM');
  if (await within(GRACE_MS, gone)) return;
  signal(pid, 'SIGKILL');
  await within(1_000, gone);
}

/** Looks again and again until the condition holds; false when the time is over before. */
export async function within(ms: number, holds: () => boolean): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (!holds()) {
    if (performance.now() >= deadline) return false;
    await delay(LOOK_EVERY_MS);
  }
  return true;
}
