/** A script that prints which packages it has loaded by importing dtask, and how long that took. */

/** Tells of every module that Node loads by import. */
const hooks = `
import { appendFileSync } from 'node:fs';

export async function load(url, context, next) {
  appendFileSync(new URL('loaded.txt', import.meta.url), url + '\\n');
  return next(url, context);
}
`;

const main = `
import { readFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';

register('./hooks.mjs', import.meta.url);
await import('dtask');

const imported = readFileSync(new URL('loaded.txt', import.meta.url), 'utf8').split('\\n');
// What CommonJS modules load of one another passes by the hook.
const required = Object.keys(createRequire(import.meta.url).cache);
const names = [...imported, ...required].flatMap((file) => /.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(file)?.[1] ?? []);
console.log(JSON.stringify([...new Set(names)].sort()));
`;

const timed = `
const began = performance.now();
await import('dtask');
console.log(performance.now() - began);
`;

/** The script's files: `main.mjs` prints the packages, `timed.mjs` the milliseconds. */
export const loaded = { 'hooks.mjs': hooks, 'main.mjs': main, 'timed.mjs': timed } as const;
