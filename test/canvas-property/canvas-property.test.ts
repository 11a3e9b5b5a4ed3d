/** Canvases at random, on a worker and in place, against a reference that computes the same in a few lines. */
import { type AnyResult, type Canvas, type EagerResult, GroupResult, type Sent } from 'dtask';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { stage } from '../behaviour/own-stage.js';
import { canvasOf, tasks } from './members.js';
import { expected } from './reference.js';
import { replaces, type Tree, tree, type Value } from './tree.js';

const trees = Number(process.env['DTASK_TREES'] ?? 500);
const seed = Number(process.env['DTASK_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** How many canvases run at the same time. Each lane shrinks what it finds. */
const lanes = Math.min(10, trees);
/** No canvas of this size takes a tenth of it. */
const soon = { timeout: '20s' } as const;
/** What is found when a lane has taken so long is reported as it is, in milliseconds. */
const patience = 60_000 + 300 * trees;

it(
  `${trees} canvases at random give what the reference gives, or fail with the error of a task that failed`,
  { timeout: 2 * patience },
  async () => {
    const app = stage.app({ tasks });
    await stage.worker(app, { concurrency: 200 });
    await holds(
      fc.asyncProperty(tree, fc.boolean(), async (shape, throughJson) => {
        const made = canvasOf(shape);
        const json = made.toJSON();
        // Without a task in it, a canvas belongs to no App.
        const isBound = JSON.stringify(json).includes('"task":');
        const sent = send(isBound && !throughJson ? made : app.signature(json));
        await agrees(shape, sent.get(soon));
        for (const part of family(await sent)) await ends(part);
      }),
    );
  },
);

it(
  `${trees} canvases at random give the same in place, by apply()`,
  { timeout: 2 * patience },
  async () => {
    const app = stage.app({ tasks });
    await holds(
      fc.asyncProperty(
        // In place, a task cannot be replaced.
        tree.filter((shape) => !replaces(shape)),
        async (shape) => agrees(shape, applied(app.signature(canvasOf(shape).toJSON())).get()),
      ),
    );
  },
);

/** Checks a property, several canvases at a time. */
async function holds(
  property: fc.IAsyncProperty<[Tree]> | fc.IAsyncProperty<[Tree, boolean]>,
): Promise<void> {
  console.log(`${trees} canvases, seed ${seed}; for the same again: DTASK_SEED=${seed}`);
  const found = await Promise.allSettled(
    Array.from({ length: lanes }, (_, lane) =>
      fc.assert(property as fc.IAsyncProperty<unknown>, {
        seed: seed + lane,
        numRuns: Math.ceil(trees / lanes),
        interruptAfterTimeLimit: patience,
        markInterruptAsFailure: true,
      }),
    ),
  );
  expect(
    found.flatMap((lane) => (lane.status === 'rejected' ? [lane.reason as unknown] : [])),
  ).toEqual([]);
}

/** Begins with the value 0. */
const send = (canvas: unknown): Sent<Value> => (canvas as Canvas<[Value], Value>).delay(0);
const applied = (canvas: unknown): EagerResult<Value> =>
  (canvas as Canvas<[Value], Value>).apply(0);

const failed = { name: 'TaskFailedError' };

/** Whether a canvas ends as the reference says. */
async function agrees(shape: Tree, outcome: Promise<Value>): Promise<void> {
  const end = expected(shape, 0);
  const [got] = await Promise.allSettled([outcome]);
  if ('failures' in end) {
    expect(got).toMatchObject({ status: 'rejected', reason: failed });
    const { message } = (got as PromiseRejectedResult).reason as Error;
    expect(end.failures).toContain(message);
    return;
  }
  if (got.status === 'rejected') throw got.reason;
  // All are numbers in lists, and a text shows the difference in one line.
  expect(JSON.stringify(got.value)).toBe(JSON.stringify(end.value));
}

/** What never runs has failed as well: nobody waits for it in vain. */
async function ends(result: AnyResult): Promise<void> {
  const [got] = await Promise.allSettled([result.get(soon)]);
  if (got.status === 'rejected') expect(got.reason).toMatchObject(failed);
}

/** A result, those that it consists of, and those before them. */
function family(result: AnyResult, known = new Set<AnyResult>()): Set<AnyResult> {
  if (known.has(result)) return known;
  known.add(result);
  if (result.parent) family(result.parent, known);
  if (result instanceof GroupResult) for (const part of result.results) family(part, known);
  return known;
}
