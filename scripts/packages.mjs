/** The workspace's packages, as the scripts here see them: folder and manifest. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { globSync } from 'tinyglobby';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

export const packages = globSync(
  workspaces.map((pattern) => `${pattern}/package.json`),
  { cwd: root, absolute: true, ignore: ['**/node_modules/**'] },
)
  .toSorted()
  .map((file) => ({ folder: dirname(file), manifest: JSON.parse(readFileSync(file, 'utf8')) }));

export const published = packages.filter(({ manifest }) => !manifest.private);
