/** Loads the modules that an App's `include` names. */
import { existsSync, statSync } from 'node:fs';
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
      throw new StartupError(
        `include pattern ${pattern} matches no file in ${root}${escapes(pattern)}`,
      );
    }
    for (const file of files) registry.registerExports(exportsOf(await load(file)));
  }
  registry.checkHolders();
}

/** What has a meaning in patterns, beside the stars that are always meant. */
const special = /(?<!\\)[[\]{}()!?]/;

/** What may be wrong with a pattern that names a folder such as `[tenant]`. */
const escapes = (pattern: string): string =>
  special.test(pattern)
    ? '; [ ] { } ( ) ! and ? have a meaning in patterns: where a folder has them in its name, write a backslash before each'
    : '';

/** A pattern of sources also finds what they compile to, so that one app runs from both. */
async function match(pattern: string, root: string): Promise<string[]> {
  const files = await find(pattern, root);
  if (files.length > 0) return files;
  const compiled = pattern.replace(/\.([mc]?)tsx?$/, '.$1js');
  return compiled === pattern ? [] : find(compiled, root);
}

async function find(pattern: string, root: string): Promise<string[]> {
  // The root's own name is no pattern, nor is that of a file that is there.
  const own = relativeTo(root, pattern);
  const plain = path.resolve(root, own);
  if (existsSync(plain) && statSync(plain).isFile()) return [plain];
  const { glob } = await import('tinyglobby');
  const files = await glob(own, {
    cwd: root,
    absolute: true,
    ignore: ['**/node_modules/**', '**/*.d.ts', '**/*.d.mts', '**/*.d.cts'],
  });
  return files.sort();
}

function relativeTo(root: string, pattern: string): string {
  const start = `${root.replaceAll(path.sep, '/').replace(/\/$/, '')}/`;
  return pattern.startsWith(start) ? pattern.slice(start.length) : pattern.replace(/^\.\//, '');
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
