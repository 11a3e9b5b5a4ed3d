/** What is imported ahead of an app that is written in TypeScript. */
import { existsSync } from 'node:fs';
import path from 'node:path';

const register = new URL('../register.js', import.meta.url);

/** The URL of it; nothing where the app is JavaScript. */
export function preloadOf(file: string): string | undefined {
  if (!/\.[mc]?tsx?$/.test(file)) return undefined;
  if (!file.includes('#')) return register.href;
  const url = new URL(register);
  const config = configOf(path.dirname(file));
  if (config !== undefined) url.searchParams.set('tsconfig', config);
  return url.href;
}

/** The loader does not find it by itself for a file whose path has a `#`. */
function configOf(folder: string): string | undefined {
  const config = path.join(folder, 'tsconfig.json');
  if (existsSync(config)) return config;
  const above = path.dirname(folder);
  return above === folder ? undefined : configOf(above);
}
