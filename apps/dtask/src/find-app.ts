/** Finds and loads the App that `-A` names. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { type App, StartupError } from '@dtask/core';
import { type AppSource, importApp } from '@dtask/core/internal';
import { loading } from './early-exit.js';
import { preloadOf } from './loader/preload.js';

/** An App and where it came from. */
export interface FoundApp {
  readonly app: App;
  readonly source: AppSource;
}

/** Those that are looked for, where `-A` gives none. */
const extensions = ['.ts', '.mts', '.js', '.mjs', '.cjs'] as const;
/** Those that it may give. */
const known = /\.(?:[mc]?[tj]s|tsx)$/;

/**
 * Loads an App: `app` finds `app.ts`, `app.js`, `src/app.ts` and the like; a path or a folder may be
 * given instead, and `:name` behind it picks one of several exports.
 *
 * @throws StartupError when there is no such module, it fails to load, or it exports no App
 */
export async function findApp(spec: string, folder: string = process.cwd()): Promise<FoundApp> {
  const { file, name } = locateApp(spec, folder);
  const source = { file, name, preload: preloadOf(file) };
  return { app: await loading(() => importApp(source)), source };
}

/**
 * Loads the tasks that an App's `include` names.
 *
 * @throws StartupError when one of the modules fails to load
 */
export function loadTasks({ app, source }: FoundApp): Promise<unknown> {
  return loading(() => app.load(path.dirname(source.file)));
}

/**
 * Finds the module that `-A` names, and which of its exports.
 *
 * @throws StartupError when there is none
 */
export function locateApp(
  spec: string,
  folder: string = process.cwd(),
): { file: string; name: string | undefined } {
  const { module, name } = split(spec);
  return { file: locate(module, folder), name };
}

/** A Windows drive has a colon as well, but a path behind it. */
function split(spec: string): { module: string; name: string | undefined } {
  const match = /^(.+):([A-Za-z_$][\w$]*)$/.exec(spec);
  return match ? { module: match[1] ?? spec, name: match[2] } : { module: spec, name: undefined };
}

function locate(module: string, folder: string): string {
  const tried = candidates(module).map((candidate) => path.resolve(folder, candidate));
  const found = tried.find((candidate) => existsSync(candidate) && statSync(candidate).isFile());
  if (found?.endsWith('.cts')) {
    throw new StartupError(
      `-A ${module} names a CommonJS module of TypeScript, which is not loaded from its source, as the loader does not compile its imports and exports; make it an .mts or .ts file, or compile it and give the .cjs file`,
    );
  }
  if (found) return found;
  const list = tried.map((candidate) => `  ${path.relative(folder, candidate)}`).join('\n');
  throw new StartupError(`-A ${module} names no module in ${folder}; looked for\n${list}`);
}

function candidates(module: string): string[] {
  if (known.test(module)) return [module, path.join('src', module)];
  const places = [
    module,
    path.join('src', module),
    path.join(module, 'app'),
    path.join(module, 'index'),
  ];
  return places.flatMap((place) => extensions.map((extension) => place + extension));
}
