/**
 * Loads TypeScript in a plain Node process, decorators and their metadata included:
 * `node --import dtask/register script.ts`.
 */
import * as nodeModule from 'node:module';
import { setTsconfigPath } from '@oxc-node/core';

const mark = Symbol.for('dtask.register');
const realm = globalThis as { [mark]?: true };

// With the loader this module has another URL, and would be evaluated once more.
if (!realm[mark]) {
  realm[mark] = true;
  const config = new URL(import.meta.url).searchParams.get('tsconfig');
  if (config !== null) setTsconfigPath(config);
  await registerPaths();
  await import('@oxc-node/core/register');
}

/** Ahead of the loader, so that the hooks run behind its own. */
async function registerPaths(): Promise<void> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 26 || (major === 26 && minor < 2)) {
    nodeModule.register('./loader/paths.js', import.meta.url);
    return;
  }
  // As the loader itself does from this version on; the other way is deprecated.
  const { registerHooks } = nodeModule as { registerHooks?: (hooks: object) => void };
  registerHooks?.(await import('./loader/paths.js'));
}
