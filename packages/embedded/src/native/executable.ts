/** Finds the programs that a native engine needs on `PATH`. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';

export type NativeName = 'valkey-server' | 'redis-server';

/** A native server: which one it is, and where. */
export interface NativeExecutable {
  readonly name: NativeName;
  readonly path: string;
}

/** Valkey if there is one, else Redis, else undefined. */
export function findNativeServer(
  searchPath = process.env['PATH'] ?? '',
): NativeExecutable | undefined {
  for (const name of ['valkey-server', 'redis-server'] as const) {
    const path = findExecutable(name, searchPath);
    if (path !== undefined) return { name, path };
  }
  return undefined;
}

/**
 * The command to put in front of the server so that the kernel ends it with its guardian; empty where there is none.
 * Tried and not just looked for: BusyBox has a setpriv that does not know the flag.
 */
export function deathSignalCommand(): readonly string[] {
  if (process.platform !== 'linux') return [];
  const command = ['setpriv', '--pdeathsig', 'TERM'] as const;
  // A machine that is too busy to say has none this time: the guardian ends the server all the same.
  const { status } = spawnSync(command[0], [...command.slice(1), 'true'], {
    stdio: 'ignore',
    timeout: 1_000,
  });
  return status === 0 ? command : [];
}

function findExecutable(name: string, searchPath: string): string | undefined {
  return searchPath
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Not there or not ours to run: the search goes on.
    return false;
  }
}
