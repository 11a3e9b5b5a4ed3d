/**
 * Checks the types of everything written here, tests included: the root project, then each project of its own below
 * test/ (suites that need other compiler options, such as standard decorators).
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { globSync } from 'tinyglobby';
import { root } from './packages.mjs';

const manifest = createRequire(import.meta.url).resolve('typescript/package.json');
const tsc = join(dirname(manifest), 'bin/tsc');
const projects = globSync('test/*/**/tsconfig.json', {
  cwd: root,
  ignore: ['**/node_modules/**', 'test/types/programs/**'],
});

for (const project of ['tsconfig.json', ...projects]) {
  const { status } = spawnSync(process.execPath, [tsc, '--noEmit', '-p', project], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) {
    console.error(`types: ${project} does not compile`);
    process.exitCode = 1;
  }
}
