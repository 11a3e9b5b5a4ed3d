/** Priorities: 0 first, 9 last, over the whole backlog, and in order within each. */
import { currentTask, group, Reject } from 'dtask';
import { expect, test } from 'vitest';
import { stage } from '../behaviour/own-stage.js';
import { until } from '../support/until.js';

const soon = { timeout: '20s' } as const;

/** Numbers in a fixed disorder, so that a failure can be seen again. */
const shuffled = (count: number): number[] =>
  Array.from({ length: count }, (_, at) => (at * 7_919 + 3) % count);

/** The ids in the order that priorities ask for: `p<priority>-<position>`. */
const inOrder = (ids: readonly string[]): string[] =>
  ids.toSorted((a, b) => Number(a.at(1)) - Number(b.at(1)) || ids.indexOf(a) - ids.indexOf(b));

test('a backlog of 200 tasks in mixed priorities runs 0 first, 9 last, and in order within each', async () => {
  const app = stage.app();
  const ran: string[] = [];
  const note = app.task('note', () => void ran.push(currentTask().id));
  const results = [];
  for (const [at, each] of shuffled(200).entries()) {
    const priority = each % 10;
    results.push(await note.applyAsync([], { priority, id: `p${priority}-${at}` }));
  }
  await stage.worker(app, { concurrency: 1 });
  await Promise.all(results.map((result) => result.get(soon)));
  expect(ran).toEqual(inOrder(results.map(({ id }) => id)));
});

test('a task without a priority is of priority 0, and goes before one that came earlier with 1', async () => {
  const app = stage.app();
  const ran: string[] = [];
  const note = app.task('note', (what: string) => void ran.push(what));
  await note.applyAsync(['one'], { priority: 1 });
  await note.applyAsync(['zero'], { priority: 0 });
  const last = await note.applyAsync(['nine'], { priority: 9 });
  await note.delay('none');
  await stage.worker(app, { concurrency: 1 });
  await last.get(soon);
  expect(ran).toEqual(['zero', 'none', 'one', 'nine']);
});

test('tasks that are retried keep their priority', async () => {
  const app = stage.app();
  const ran: string[] = [];
  const flaky = app.task(
    'flaky',
    () => {
      if (currentTask().retries === 0) throw new Error('once');
      ran.push(currentTask().id);
    },
    { maxRetries: 1, retryDelay: 0, retryJitter: false },
  );
  const results = [];
  for (const [at, each] of shuffled(60).entries()) {
    const priority = each % 10;
    results.push(await flaky.applyAsync([], { priority, id: `p${priority}-${at}` }));
  }
  await stage.worker(app, { concurrency: 1 });
  await Promise.all(results.map((result) => result.get(soon)));
  const priorities = ran.map((id) => Number(id.at(1)));
  // Each runs again at once, behind the others of its priority and ahead of all that is less urgent.
  expect(priorities).toEqual(priorities.toSorted((a, b) => a - b));
});

test('a task that goes back to its queue is still ahead of the less urgent', async () => {
  const app = stage.app();
  const ran: string[] = [];
  let rejected = false;
  const picky = app.task('picky', (what: string) => {
    if (what === 'three' && !rejected) {
      rejected = true;
      throw new Reject('not now', { requeue: true });
    }
    ran.push(what);
  });
  const sent = [
    await picky.applyAsync(['seven'], { priority: 7 }),
    await picky.applyAsync(['three'], { priority: 3 }),
    await picky.applyAsync(['five'], { priority: 5 }),
  ];
  await stage.worker(app, { concurrency: 1 });
  await Promise.all(sent.map((result) => result.get(soon)));
  expect(ran).toEqual(['three', 'five', 'seven']);
});

test('a task with a priority that a stopping worker hands back is taken by an idle one at once', async () => {
  const app = stage.app();
  const ran: string[] = [];
  app.task('hold', async () => {
    const { worker, signal } = currentTask();
    ran.push(worker);
    if (ran.length > 1) return;
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  });
  const first = await stage.worker(app, { name: 'first' });
  const sent = await app.sendTask('hold', [], { priority: 5 });
  await until('it runs', () => ran.length === 1);
  await stage.worker(app, { name: 'second' });
  const stopped = performance.now();
  await first.stop({ force: true });
  await sent.get(soon);
  expect(ran).toEqual(['first', 'second']);
  // An idle worker looks by itself every five seconds.
  expect(performance.now() - stopped).toBeLessThan(3_000);
});

test('the steps of a canvas have the priority of the step, else of the task', async () => {
  const app = stage.app();
  const ran: number[] = [];
  const note = app.task('note', (priority: number) => void ran.push(priority), { priority: 6 });
  const priorities = shuffled(40).map((each) => each % 10);
  const parts = priorities.map((priority) =>
    priority === 6 ? note.s(priority) : note.signature([priority], { priority }),
  );
  const results = await group(parts).delay();
  await stage.worker(app, { concurrency: 1 });
  await results.get(soon);
  expect(ran).toEqual(priorities.toSorted((a, b) => a - b));
});

test('tasks that were held back take their place by priority when their time has come', async () => {
  const app = stage.app();
  const ran: string[] = [];
  const note = app.task('note', () => void ran.push(currentTask().id));
  const results = [];
  for (const [at, each] of shuffled(30).entries()) {
    const priority = each % 10;
    const options = { priority, id: `p${priority}-${at}`, countdown: 10 };
    results.push(await note.applyAsync([], options));
  }
  // All are due when the worker comes.
  const due = Date.now() + 20;
  await until('all are due', () => Date.now() > due);
  await stage.worker(app, { concurrency: 1 });
  await Promise.all(results.map((result) => result.get(soon)));
  const priorities = ran.map((id) => Number(id.at(1)));
  expect(priorities).toEqual(priorities.toSorted((a, b) => a - b));
});
