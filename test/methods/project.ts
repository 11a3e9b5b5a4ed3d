/** The project of this folder, compiled as users would: with `experimentalDecorators`, and with standard decorators. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = fileURLToPath(new URL('./project', import.meta.url));

const flags = {
  legacy: ['--experimentalDecorators', 'true', '--emitDecoratorMetadata', 'true'],
  standard: [],
} as const;

/** A dialect of decorators. */
export type Dialect = keyof typeof flags;
export const dialects = Object.keys(flags) as Dialect[];

/** The compiled module of a dialect. */
export const moduleOf = (dialect: Dialect): string => path.join(folder, 'dist', dialect, 'app.js');

/** Compiles it; gives what the compiler complains of. */
export function compile(dialect: Dialect): string {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
  const compiler = path.join(path.dirname(manifest), 'bin/tsc');
  const out = path.dirname(moduleOf(dialect));
  const args = [compiler, '-p', folder, '--outDir', out, ...flags[dialect]];
  return spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout;
}

/** Loads the compiled module here. */
export const load = (dialect: Dialect): Promise<typeof import('./project/app.js')> =>
  import(pathToFileURL(moduleOf(dialect)).href) as Promise<typeof import('./project/app.js')>;

export const removeCompiled = (): void =>
  rmSync(path.join(folder, 'dist'), { recursive: true, force: true });
