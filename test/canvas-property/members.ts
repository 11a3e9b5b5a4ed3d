/** The tasks that the property's canvases are made of, and the canvas of a tree. */
import { type AnyCanvas, chain, chord, currentTask, group, task } from 'dtask';
import { members, messageOf } from './reference.js';
import type { Tree, Value } from './tree.js';

const give = task('give', (n: Value) => n);
const add = task('add', members.add);
const list = task('list', members.list);
const sum = task('sum', members.sum);

const fail = task('fail', (_value: Value, n: number): Value => {
  throw new Error(messageOf(n));
});

const retry = task(
  'retry',
  (value: Value) => {
    if (currentTask().retries === 0) throw new Error('this comes once');
    return members.retry(value);
  },
  { maxRetries: 1, retryDelay: 1 },
);

const replace = task('replace', (value: Value, by: Tree): Value =>
  currentTask().replace(chain(give.si(value), canvasOf(by))),
);

export const tasks = [give, add, list, sum, fail, retry, replace];

/** The canvas of a tree. */
export function canvasOf(tree: Tree): AnyCanvas {
  switch (tree.kind) {
    case 'chain':
      return chain(...tree.parts.map(canvasOf));
    case 'group':
      return group(tree.parts.map(canvasOf));
    case 'chord':
      return chord(tree.parts.map(canvasOf), canvasOf(tree.body));
    case 'give':
      return give.si(tree.n);
    case 'add':
      return add.s();
    case 'list':
      return list.s(tree.n);
    case 'sum':
      return sum.s();
    case 'retry':
      return retry.s();
    case 'fail':
      return fail.s(tree.n);
    case 'replace':
      return replace.s(tree.by);
  }
}
