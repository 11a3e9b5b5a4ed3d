/**
 * What dtask's types cost the compiler: a program of 200 tasks, 100 canvases and 200 calls, compiled on its own. Prints the
 * instantiations, and fails where they are more than the bar: editors would feel that.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { root } from './packages.mjs';

/** What the same program took before parameters, schemas and callbacks were checked as they are now. */
const bar = 109_764;

const tasks = [
  (at) => `(x: number, y: number): number => x + y + ${at}, { maxRetries: 3 }`,
  (at) => `async (x: number): Promise<string> => String(x + ${at})`,
  (at) =>
    `(text: string, more?: { a${at}: number }): number => text.length + (more?.a${at} ?? 0), { queue: 'q' }`,
  (at) => `(numbers: readonly number[]): number => numbers.length + ${at}`,
];
const canvases = [
  (at) => `chain(t${at}.s(1, 2), t${at + 1}.s(), t${at + 2}.s())`,
  (at) => `chord([t${at}.s(1, 2), t${at}.s(3, 4)], t${at + 3}.s())`,
  (at) => `group(t${at}.s(1, 2), t${at + 1}.s(3), t${at + 2}.s('a'))`,
];
const calls = ['1, 2', '1', "'a'", '[1, 2]'];
const many = (count, line) => Array.from({ length: count }, (_, at) => line(at));

const program = [
  "import { App, chain, chord, group } from 'dtask';",
  "const app = new App('cost');",
  ...many(200, (at) => `export const t${at} = app.task('t${at}', ${tasks[at % 4](at)});`),
  ...many(100, (at) => `export const c${at} = ${canvases[at % 3](Math.floor(at / 2) * 4)};`),
  ...many(200, (at) => `void t${at}.delay(${calls[at % 4]});`),
];
const compilerOptions = {
  noEmit: true,
  strict: true,
  skipLibCheck: true,
  target: 'ES2023',
  module: 'NodeNext',
  types: ['node'],
};

const folder = join(root, 'node_modules/.cache/type-cost');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
writeFileSync(join(folder, 'program.ts'), program.join('\n'));
writeFileSync(
  join(folder, 'tsconfig.json'),
  JSON.stringify({ compilerOptions, files: ['program.ts'] }),
);

const manifest = createRequire(import.meta.url).resolve('typescript-5.9/package.json');
const tsc = join(dirname(manifest), 'bin/tsc');
const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder, '--extendedDiagnostics'], {
  encoding: 'utf8',
});
const count = Number(/^Instantiations:\s+(\d+)/m.exec(stdout)?.[1] ?? Number.NaN);
const errors = stdout.split('\n').filter((line) => line.includes('error TS'));
console.log(
  `type cost: ${count} instantiations for 200 tasks, 100 canvases and 200 calls; the bar is ${bar}`,
);
if (errors.length > 0) console.error(errors.join('\n'));
if (errors.length > 0 || !(count <= bar)) process.exitCode = 1;
