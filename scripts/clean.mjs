/** Removes what builds leave behind: every package's dist folder, and turbo's cache. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { packages, root } from './packages.mjs';

for (const { folder } of [...packages, { folder: root }]) {
  for (const name of ['dist', '.turbo'])
    rmSync(join(folder, name), { recursive: true, force: true });
}
