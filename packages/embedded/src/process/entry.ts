/** Where the program files of the engine processes lie. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EmbeddedError } from '../errors.js';

export type EntryName = 'wasm/serve' | 'native/guardian';

/** The compiled file of an entry. Throws `EMBEDDED_START` when it is not there. */
export function entryPath(name: EntryName): string {
  // Beside this file in a built package; in dist when this file itself is run from source by a test runner,
  // because a bare Node, which the engine process is, cannot load TypeScript.
  const candidates = [`../${name}.js`, `../../dist/${name}.js`].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = candidates.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new EmbeddedError(
    'EMBEDDED_START',
    `the engine's program file is missing, looked at ${candidates.join(' and ')}; ` +
      'build @dtask/embedded first, or, when a bundler swallowed it, mark @dtask/embedded as external',
  );
}
