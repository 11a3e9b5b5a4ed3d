/** Runs a Node program to its end, as a user would, and tells what it printed. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a file of `programs/`. One that does not end is killed after 20 seconds. */
export function runProgram(
  name: string,
  args: readonly string[],
  nodeOptions: readonly string[] = [],
): Promise<Ended> {
  const file = fileURLToPath(new URL(`./programs/${name}`, import.meta.url));
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...nodeOptions, file, ...args],
      { timeout: 20_000, killSignal: 'SIGKILL', cwd: fileURLToPath(new URL('.', import.meta.url)) },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}
