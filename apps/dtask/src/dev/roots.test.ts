/** Which folders belong to an app. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { rootsOf } from './roots.js';

it.each([
  ['an app without include', [], ['/shop/src']],
  ['patterns below its folder', ['./tasks/**/*.ts', 'jobs/a.ts'], ['/shop/src']],
  [
    'patterns beside it',
    ['../tasks/*.ts', '../lib/mail/send.ts'],
    ['/shop/src', '/shop/tasks', '/shop/lib/mail'],
  ],
  ['a pattern for a part of a name', ['../task*/*.ts'], ['/shop']],
  ['what builds write', ['./dist/tasks/*.js'], ['/shop/src', '/shop/src/dist/tasks']],
])('%s', (_title, include, roots) => {
  const file = path.resolve('/shop/src/app.ts');
  expect(rootsOf({ file, include })).toEqual(roots.map((root) => path.resolve(root)));
});
