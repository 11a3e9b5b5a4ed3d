/** dtask in a folder of its own, beside which some packages are not installed. */
import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Where our packages are. */
const own: Readonly<Record<string, string>> = {
  dtask: 'apps/dtask',
  '@dtask/core': 'packages/core',
  '@dtask/worker': 'packages/worker',
  '@dtask/embedded': 'packages/embedded',
};

/** Installs it without these packages; gives the folder, which goes with the test. */
export function installWithout(missing: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'dtask-bare-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const modules = join(folder, 'node_modules');
  // Copied, for a link would find what is beside its target.
  for (const [name, from] of Object.entries(own))
    for (const part of ['dist', 'package.json'])
      cpSync(join(root, from, part), join(modules, name, part), { recursive: true });
  for (const name of installed()) {
    if (missing.includes(name) || name in own) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction');
  }
  return folder;
}

function installed(): string[] {
  return readdirSync(join(root, 'node_modules'))
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@')
        ? readdirSync(join(root, 'node_modules', name)).map((part) => `${name}/${part}`)
        : [name],
    );
}

/** Runs a program in the folder; gives what it prints. */
export async function runIn(
  folder: string,
  program: string,
  flags: readonly string[],
): Promise<string> {
  const file = join(folder, 'program.mjs');
  writeFileSync(file, program);
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, file], {
    cwd: folder,
    timeout: 20_000,
  });
  return stdout;
}
