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
  ['patterns with the whole path', ['/shop/src/tasks/*.ts'], ['/shop/src']],
])('%s', (_title, include, roots) => {
  const file = path.resolve('/shop/src/app.ts');
  expect(rootsOf({ file, include })).toEqual(roots.map((root) => path.resolve(root)));
});

it('takes no folder of the app for a pattern', () => {
  const file = path.resolve('/shop/[tenant]/{a,b}/app.ts');
  const folder = path.dirname(file);
  expect(rootsOf({ file, include: ['./tasks/*.ts', `${folder}/jobs/*.ts`] })).toEqual([folder]);
});
