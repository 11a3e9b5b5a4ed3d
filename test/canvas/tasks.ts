/** The tasks that the canvases of the tests are made of. */
import { chain, chord, currentTask, group, Ignore, Reject, task } from 'dtask';
import { noteEnd, noteStart, passGate } from '../fixtures/faults/trace.js';
import { note } from './notes.js';

/** The failure that a test asks for. */
export class ExpectedError extends Error {
  override readonly name = 'ExpectedError';

  constructor() {
    super('this was expected');
  }
}

/** What `get()` throws where `fail` was a part of it. */
export const asExpected = {
  name: 'TaskFailedError',
  errorName: 'ExpectedError',
  message: 'this was expected',
};

/** What an errback gets. */
export interface Failure {
  readonly id: string;
  readonly task: string;
  readonly error: Error;
}

export const add = task('add', (x: number, y: number) => x + y);
export const sum = task('sum', (list: readonly number[]) => list.reduce((a, b) => a + b, 0));
export const identity = task('identity', (x: unknown) => x);
export const glue = task('glue', (text: string, more: string) => text + more);
export const large = task('large', (size: number) => 'x'.repeat(size));
export const sizes = task('sizes', (texts: readonly string[]) =>
  texts.reduce((all, { length }) => all + length, 0),
);
export const headers = task('headers', (..._given: unknown[]) => currentTask().headers);

/** Celery's `add`, given lists. */
export const concat = task('concat', (list: readonly unknown[], more: readonly unknown[]) => [
  ...list,
  ...more,
]);

export const addToAll = task('addToAll', (list: readonly number[], more: number) =>
  list.map((x) => x + more),
);

/** Celery's `add_to_all`, given lists. */
export const concatToAll = task(
  'concatToAll',
  (lists: readonly (readonly unknown[])[], more: readonly unknown[]) =>
    lists.map((list) => [...list, ...more]),
);

export const ids = task('ids', (i: number) => {
  const { rootId, parentId } = currentTask();
  return { root: rootId, parent: parentId, i };
});

export const fail = task('fail', (..._given: unknown[]): number => {
  throw new ExpectedError();
});

/** Fails, and succeeds when it is run again. */
export const stumble = task(
  'stumble',
  (x: number) => {
    if (currentTask().retries === 0) throw new ExpectedError();
    return x;
  },
  { maxRetries: 1, retryDelay: 20 },
);

/** Asks to be run again with one more item. */
export const retryWithMore = task('retryWithMore', (list: readonly unknown[]): unknown => {
  if (currentTask().retries > 0) return list;
  return currentTask().retry({ args: [[...list, 'more']], countdown: 0 });
});

export const ignore = task('ignore', (..._given: unknown[]): number => {
  throw new Ignore();
});

export const reject = task('reject', (..._given: unknown[]): number => {
  throw new Reject('not this one');
});

/** Runs until the test lets it end. */
export const gated = task('gated', async (mark: string, x: number) => {
  noteStart(mark);
  await passGate(mark);
  noteEnd(mark);
  return x;
});

/** Counts its runs. */
export const count = task('count', (mark: string) => note(mark, 1));

/** Notes the value that it gets. */
export const echo = task('echo', (value: unknown, mark: string) => note(mark, value));

/** Notes the headers that it has. */
export const noteHeaders = task('noteHeaders', (_given: unknown, mark: string) =>
  note(mark, currentTask().headers),
);

/** Counts its runs, as an errback. */
export const countFailure = task('countFailure', (_failure: Failure, mark: string) =>
  note(mark, 1),
);

/** Notes what an errback gets. */
export const noteFailure = task('noteFailure', ({ id, task: name, error }: Failure, mark: string) =>
  note(mark, { id, task: name, error: error.name, message: error.message }),
);

/** An errback that fails at first. */
export const stumbleOnFailure = task(
  'stumbleOnFailure',
  async ({ id }: Failure, mark: string) => {
    await note(mark, { id, retries: currentTask().retries });
    if (currentTask().retries === 0) throw new Error('the errback has stumbled');
  },
  { maxRetries: 3, retryDelay: 20 },
);

export const addReplaced = task('addReplaced', (x: number, y: number): number =>
  currentTask().replace(add.s(x, y)),
);

export const failReplaced = task('failReplaced', (..._given: unknown[]): number =>
  currentTask().replace(fail.s()),
);

export const replacedByChain = task('replacedByChain', (x: unknown): unknown =>
  currentTask().replace(chain(identity.s(x), identity.s())),
);

export const replacedByEmptyChain = task('replacedByEmptyChain', (_x: unknown): unknown =>
  currentTask().replace(chain()),
);

export const replacedByGroup = task('replacedByGroup', (x: unknown): unknown =>
  currentTask().replace(group(identity.s(x), identity.s(x))),
);

export const replacedByEmptyGroup = task('replacedByEmptyGroup', (): unknown =>
  currentTask().replace(group([])),
);

export const replacedByChord = task('replacedByChord', (x: number): number =>
  currentTask().replace(chord([identity.s(x), add.s(x, 1)], identity.s())),
);

/** Is replaced by a chord in which a task is replaced by a chain. */
export const replacedDeeply = task('replacedDeeply', (x: number): unknown =>
  currentTask().replace(chord([identity.s(x), replacedByChain.s(x)], identity.s())),
);

export const replacedByHeaders = task('replacedByHeaders', (): unknown =>
  currentTask().replace(chain(headers.s(), identity.s())),
);

/** A replacement within a replacement; each comes again when its own is done. */
export const orderA = task('orderA', async (mark: string, again = false): Promise<void> => {
  await note(mark, again ? 'Out A' : 'In A');
  if (!again) currentTask().replace(chain(orderB.si(mark), orderA.si(mark, true)));
});

export const orderB = task('orderB', async (mark: string, again = false): Promise<void> => {
  await note(mark, again ? 'Out B' : 'In B');
  if (!again) currentTask().replace(chain(echo.si('In/Out C', mark), orderB.si(mark, true)));
});

/** Adds a part to its chord for each number, and is itself worth 0. */
export const addPartsToChord = task(
  'addPartsToChord',
  async (list: readonly number[], more: number) => {
    for (const x of list) await currentTask().addToChord(add.si(x, more));
    return 0;
  },
);

/** Adds a chord to its chord, and is itself worth 0. */
export const addChordToChord = task(
  'addChordToChord',
  async (list: readonly number[], more: number) => {
    await currentTask().addToChord(
      chord(
        list.map((x) => add.si(x, more)),
        sum.s(),
      ),
    );
    return 0;
  },
);

export const tasks = [
  add,
  sum,
  identity,
  glue,
  large,
  sizes,
  headers,
  concat,
  addToAll,
  concatToAll,
  ids,
  fail,
  stumble,
  retryWithMore,
  ignore,
  reject,
  gated,
  count,
  echo,
  noteHeaders,
  countFailure,
  noteFailure,
  stumbleOnFailure,
  addReplaced,
  failReplaced,
  replacedByChain,
  replacedByEmptyChain,
  replacedByGroup,
  replacedByEmptyGroup,
  replacedByChord,
  replacedDeeply,
  replacedByHeaders,
  orderA,
  orderB,
  addPartsToChord,
  addChordToChord,
];
