/** How children end with a worker that was killed, whatever they do at that moment. */
import { spawnSync } from 'node:child_process';

let command: readonly string[] | undefined;

/**
 * The command to put in front of a child's, so that the kernel kills it when its worker is gone;
 * empty where there is none. Tried and not just looked for: BusyBox has a setpriv that does not know
 * the flag.
 */
export function deathSignalCommand(): readonly string[] {
  command ??= find();
  return command;
}

function find(): readonly string[] {
  if (process.platform !== 'linux') return [];
  const [name, ...flags] = ['setpriv', '--pdeathsig', 'KILL'] as const;
  const { status } = spawnSync(name, [...flags, 'true'], { stdio: 'ignore', timeout: 1_000 });
  return status === 0 ? [name, ...flags] : [];
}
