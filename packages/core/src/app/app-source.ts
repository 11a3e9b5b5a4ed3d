/** Where an App comes from, so that other processes can load it too. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { StartupError } from '../errors.js';
import { App } from './app.js';
import { exportsOf } from './include.js';

/** The module of an App. */
export interface AppSource {
  /** The module's path. */
  readonly file: string;
  /** The name of the export, where there are several Apps. */
  readonly name?: string | undefined;
  /** URL of a module that is imported first, such as a loader of TypeScript. */
  readonly preload?: string | undefined;
}

/**
 * Loads an App, with the tasks of its module and of its `include`.
 *
 * @throws StartupError when the module fails to load, or exports no such App
 */
export async function loadApp(source: AppSource): Promise<App> {
  const app = await importApp(source);
  await app.load(path.dirname(source.file));
  return app;
}

/** As `loadApp`, without what `include` names. */
export async function importApp({ file, name, preload }: AppSource): Promise<App> {
  // TypeScript loads as it is, decorators and their metadata included.
  if (preload !== undefined) await import(preload);
  const exported = await importModule(file);
  const app = pick(exported, name, path.relative(process.cwd(), file));
  app.tasks.registerExports(exportsOf(exported));
  return app;
}

async function importModule(file: string): Promise<Record<string, unknown>> {
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
  if (apps.length === 0 && exportsOf(exported).some(isForeignApp)) {
    throw new StartupError(
      `${file} exports an App of another copy of dtask, which this one cannot run; where a bundler has put dtask into the file, leave it out: esbuild --packages=external, or "external" of other bundlers`,
    );
  }
  if (apps.length === 0) {
    throw new StartupError(`${file} exports no App; write: export const app = new App('name')`);
  }
  throw new StartupError(`${file} exports ${apps.length} Apps; say which one: -A ${file}:name`);
}

/** An App whose class is not that of this copy. */
const isForeignApp = (item: unknown): boolean =>
  typeof item === 'object' && item !== null && 'sendTask' in item && 'mapReduce' in item;
