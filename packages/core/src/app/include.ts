/** Loads the modules that an App's `include` names. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { StartupError } from '../errors.js';
import type { Registry } from './registry.js';

/**
 * Imports every module that the patterns match, and registers what each exports.
 *
 * @throws StartupError when a pattern matches nothing or a module fails to load; RegistryError when it
 * is open on which of several objects a method runs
 */
export async function loadIncluded(
  patterns: readonly string[],
  root: string,
  registry: Registry,
): Promise<void> {
  for (const pattern of patterns) {
    const files = await match(pattern, root);
    if (files.length === 0) {
      throw new StartupError(`include pattern ${pattern} matches no file in ${root}`);
    }
    for (const file of files) registry.registerExports(exportsOf(await load(file)));
  }
  registry.checkHolders();
}

/** A pattern of sources also finds what they compile to, so that one app runs from both. */
async function match(pattern: string, root: string): Promise<string[]> {
  const files = await find(pattern, root);
  if (files.length > 0) return files;
  const compiled = pattern.replace(/\.([mc]?)ts$/, '.$1js');
  return compiled === pattern ? [] : find(compiled, root);
}

async function find(pattern: string, root: string): Promise<string[]> {
  const { glob } = await import('tinyglobby');
  const files = await glob(pattern.replace(/^\.\//, ''), {
    cwd: root,
    absolute: true,
    ignore: ['**/node_modules/**', '**/*.d.ts', '**/*.d.mts', '**/*.d.cts'],
  });
  return files.sort();
}

async function load(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StartupError(
      `module ${path.relative(process.cwd(), file)} failed to load: ${reason}`,
      { cause },
    );
  }
}

/** What a module exports; of a CommonJS module, what `module.exports` holds. */
export function exportsOf(module: Record<string, unknown>): unknown[] {
  const items = Object.values(module);
  const { default: main } = module;
  return typeof main === 'object' && main !== null ? [...items, ...Object.values(main)] : items;
}
