/** How children end with a worker that was killed, whatever they do at that moment. */
import { spawnSync } from 'node:child_process';

const none: readonly string[] = [];
let command: readonly string[] | undefined;

/**
 * The command to put in front of a child's, so that the kernel kills it when its worker is gone;
 * empty where there is none. Tried and not just looked for: BusyBox has a setpriv that does not know
 * the flag.
 */
export function deathSignalCommand(): readonly string[] {
  command ??= find();
  return command ?? none;
}

/** Gives nothing where that could not be found out, on a machine that is busy or has too little: asked again. */
function find(): readonly string[] | undefined {
  if (process.platform !== 'linux') return none;
  const [name, ...flags] = ['setpriv', '--pdeathsig', 'KILL'] as const;
  const { status, error } = spawnSync(name, [...flags, 'true'], {
    stdio: 'ignore',
    timeout: 1_000,
  });
  if (status === 0) return [name, ...flags];
  const isMissing = !error || (error as NodeJS.ErrnoException).code === 'ENOENT';
  return isMissing ? none : undefined;
}
