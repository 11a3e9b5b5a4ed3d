/** Finds and loads the App that `-A` names. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { App, StartupError } from '@dtask/core';
import { exportsOf } from '@dtask/core/internal';

/** An App and where it came from. */
export interface FoundApp {
  readonly app: App;
  /** The module's path. */
  readonly file: string;
}

const extensions = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'] as const;
const typescript = /\.[mc]?ts$/;

/**
 * Loads an App: `app` finds `app.ts`, `app.js`, `src/app.ts` and the like; a path or a folder may be
 * given instead, and `:name` behind it picks one of several exports.
 *
 * @throws StartupError when there is no such module, it fails to load, or it exports no App
 */
export async function findApp(spec: string, folder: string = process.cwd()): Promise<FoundApp> {
  const { module, name } = split(spec);
  const file = locate(module, folder);
  const exported = await load(file);
  const app = pick(exported, name, path.relative(folder, file));
  app.tasks.registerExports(exportsOf(exported));
  return { app, file };
}

/** A Windows drive has a colon as well, but a path behind it. */
function split(spec: string): { module: string; name: string | undefined } {
  const match = /^(.+):([A-Za-z_$][\w$]*)$/.exec(spec);
  return match ? { module: match[1] ?? spec, name: match[2] } : { module: spec, name: undefined };
}

function locate(module: string, folder: string): string {
  const tried = candidates(module).map((candidate) => path.resolve(folder, candidate));
  const found = tried.find((candidate) => existsSync(candidate) && statSync(candidate).isFile());
  if (found) return found;
  const list = tried.map((candidate) => `  ${path.relative(folder, candidate)}`).join('\n');
  throw new StartupError(`-A ${module} names no module in ${folder}; looked for\n${list}`);
}

function candidates(module: string): string[] {
  if (extensions.some((extension) => module.endsWith(extension)))
    return [module, path.join('src', module)];
  const places = [
    module,
    path.join('src', module),
    path.join(module, 'app'),
    path.join(module, 'index'),
  ];
  return places.flatMap((place) => extensions.map((extension) => place + extension));
}

async function load(file: string): Promise<Record<string, unknown>> {
  // TypeScript loads as it is, decorators and their metadata included.
  if (typescript.test(file)) await import('./register.js');
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StartupError(`${path.relative(process.cwd(), file)} failed to load: ${reason}`, {
      cause,
    });
  }
}

function pick(exported: Record<string, unknown>, name: string | undefined, file: string): App {
  if (name !== undefined) {
    const named = exported[name];
    if (named instanceof App) return named;
    throw new StartupError(
      `${file} exports no App named ${name}; it exports ${Object.keys(exported).join(', ') || 'nothing'}`,
    );
  }
  const apps = [...new Set(exportsOf(exported).filter((item) => item instanceof App))];
  if (apps.length === 1 && apps[0]) return apps[0];
  if (apps.length === 0) {
    throw new StartupError(`${file} exports no App; write: export const app = new App('name')`);
  }
  throw new StartupError(`${file} exports ${apps.length} Apps; say which one: -A ${file}:name`);
}
