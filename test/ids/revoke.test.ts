/** Revoking what is not sent yet: it holds for workers that come later, from whichever process. */
import {
  type App,
  chain,
  chord,
  currentTask,
  type GroupResult,
  group,
  TaskRevokedError,
} from 'dtask';
import { expect, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { fixtures, runDtask } from '../support/dtask-process.js';
import { rejection } from '../support/until.js';

const soon = { timeout: '15s' } as const;

/** An App with a task that notes its runs, and another process' view of the same. */
function pair() {
  const app = stage.app();
  const other = stage.app({ prefix: app.config.prefix });
  const ran: string[] = [];
  const run = app.task('run', (given: unknown, mark?: string) => {
    ran.push(mark ?? String(given));
    return mark ?? given;
  });
  return { app, other, ran, run };
}

/** A step by its mark, whatever comes before it. */
type Run = ReturnType<typeof pair>['run'];

/** What is sent, the id that is revoked, the result that is waited for, and what runs all the same. */
type Case = (run: Run) => Promise<{
  revoked: string;
  waited: string;
  runs: readonly string[];
}>;

const cases: readonly (readonly [string, Case])[] = [
  [
    'the last step of a chain',
    async (run) => {
      const { id } = await chain(run.s('a'), run.s('b'), run.s('c')).delay();
      return { revoked: id, waited: id, runs: ['a', 'b'] };
    },
  ],
  [
    'a step in the middle of a chain',
    async (run) => {
      const result = await chain(run.s('a'), run.s('b'), run.s('c')).delay();
      return { revoked: result.parent?.id ?? '', waited: result.id, runs: ['a'] };
    },
  ],
  [
    'the body of a chord',
    async (run) => {
      const { id } = await chord([run.s('a'), run.s('b')], run.s('c')).delay();
      return { revoked: id, waited: id, runs: ['a', 'b'] };
    },
  ],
  [
    'a part of a later group',
    async (run) => {
      const result = await chain(run.s('a'), group(run.s('b'), run.s('c')), run.s('d')).delay();
      const [part] = (result.parent as GroupResult).results;
      return { revoked: part?.id ?? '', waited: result.id, runs: ['a', 'c'] };
    },
  ],
  [
    'a callback whose id its caller has given',
    async (run) => {
      const link = run.s('b').set({ id: 'linked' });
      await run.s('a').link(link).delay();
      return { revoked: 'linked', waited: 'linked', runs: ['a'] };
    },
  ],
];

test.each(cases)('%s does not run, though a worker comes later', async (_what, send) => {
  const { app, other, ran, run } = pair();
  const { revoked, waited, runs } = await send(run);
  const heard = rejection(other.result(revoked).get(soon));
  const again = { removed: 0, running: 0, workers: {} };
  expect(await other.control.revoke(revoked, { reason: 'not wanted' })).toEqual({
    ...again,
    removed: 1,
  });
  expect((await heard).message).toContain('not wanted');
  expect(await app.result(revoked).state()).toBe('REVOKED');
  expect(await other.control.revoke(revoked)).toEqual(again);
  await stage.worker(app);
  expect(await rejection(other.result(waited).get(soon))).toBeInstanceOf(TaskRevokedError);
  await eventually(() => app.queues.counts('default')).toMatchObject({ waiting: 0, active: 0 });
  expect(ran.toSorted()).toEqual(runs);
});

test('the sender is told at once, and its own handle revokes as well', async () => {
  const { other, run } = pair();
  const one = await chain(run.s('a'), run.s('b')).delay();
  const told = rejection(one.get(soon));
  await other.control.revoke(one.id);
  expect(await told).toBeInstanceOf(TaskRevokedError);
  const two = await chain(run.s('a'), run.s('b')).delay();
  expect(await two.revoke()).toBe(true);
  expect(await other.result(two.id).state()).toBe('REVOKED');
});

test('a handle by id ends the whole canvas before it, as that of its sender does', async () => {
  const { app, other, ran, run } = pair();
  const line = await chain(run.s('a'), run.s('b'), run.s('c')).delay();
  const joined = await chord([run.s('d'), chain(run.s('e'), run.s('f'))], run.s('g')).delay();
  for (const { id } of [line, joined]) expect(await other.result(id).revoke()).toBe(true);
  await stage.worker(app);
  expect(await run.delay('after').get(soon)).toBe('after');
  for (const { id } of [line, joined])
    expect(await rejection(other.result(id).get(soon))).toBeInstanceOf(TaskRevokedError);
  expect(ran).toEqual(['after']);
  expect(await other.result(line.id).revoke()).toBe(false);
});

test('a task that was replaced is revoked where its work goes on', async () => {
  const { app, other, ran, run } = pair();
  const gate = new Gate();
  const hold = app.task('hold', async () => {
    await gate.passed;
    return 1;
  });
  const replaced = app.task('replaced', (): unknown =>
    currentTask().replace(chain(hold.si(), run.s('b'))),
  );
  await stage.worker(app);
  const result = await replaced.delay();
  await eventually(() => other.result(result.id).state()).toBe('REPLACED');
  await eventually(async () => Object.values(await app.inspect.active()).flat().length).toBe(1);
  expect(await other.control.revoke(result.id)).toMatchObject({ removed: 1, running: 1 });
  gate.open();
  expect(await rejection(result.get(soon))).toBeInstanceOf(TaskRevokedError);
  expect(ran).toEqual([]);
});

test('a step that was revoked stays so when what comes before it fails', async () => {
  const { app, other, run } = pair();
  const fail = app.task('fail', (): unknown => {
    throw new Error('on purpose');
  });
  const result = await chain(fail.s(), run.s('b'), run.s('c')).delay();
  const middle = result.parent?.id ?? '';
  await other.control.revoke(middle);
  await stage.worker(app);
  await eventually(() => other.result(result.id).state()).toBe('FAILURE');
  expect(await other.result(middle).state()).toBe('REVOKED');
});

test('a revocation outlasts results that are kept for a moment', async () => {
  const { app, other, ran, run } = pair();
  const brief = stage.app({ prefix: app.config.prefix, resultExpires: 50 });
  const result = await chain(run.s('a'), run.s('b')).delay();
  await brief.control.revoke(result.id);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await other.result(result.id).state()).toBe('REVOKED');
  await stage.worker(app);
  expect(await rejection(other.result(result.id).get(soon))).toBeInstanceOf(TaskRevokedError);
  await eventually(() => app.queues.counts('default')).toMatchObject({ waiting: 0, active: 0 });
  expect(ran).toEqual(['a']);
});

test('an App that tells of what it sends tells of a step that it has revoked', async () => {
  const { app, run } = pair();
  const telling = stage.app({ prefix: app.config.prefix, sendEvents: true });
  const events = telling.events({ types: ['task-revoked'], since: '1m' });
  const result = await chain(run.s('a'), run.s('b')).delay();
  await telling.control.revoke(result.id, { reason: 'not wanted' });
  const { value } = await events.next();
  expect(value).toMatchObject({ id: result.id, name: 'run', reason: 'not wanted' });
  await events.return();
});

test('a step that starts while it is revoked ends all the same', async () => {
  const { app, other } = pair();
  const ended: string[] = [];
  const hold = app.task('hold', async (mark: string) => {
    const { signal } = currentTask();
    const stop = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        ended.push(mark);
        reject(signal.reason as Error);
      });
    });
    return stop;
  });
  const start = app.task('start', () => 'begun');
  await stage.worker(app, { concurrency: 20 });
  const results = await Promise.all(
    Array.from({ length: 20 }, () => chain(start.s(), hold.s()).delay()),
  );
  await other.control.revoke(results.map(({ id }) => id));
  for (const result of results)
    expect(await rejection(result.get(soon))).toBeInstanceOf(TaskRevokedError);
  await eventually(() => app.queues.counts('default')).toMatchObject({ waiting: 0, active: 0 });
});

test('by the command line as well', async () => {
  const { app, run } = pair();
  const result = await chain(run.s('a'), run.s('b')).delay();
  const dtask = (command: App, ...args: string[]): ReturnType<typeof runDtask> =>
    runDtask([...args, '-A', 'faults/app.ts'], {
      cwd: fixtures,
      env: { DTASK_BROKER_URL: stage.engine.url, DTASK_PREFIX: command.config.prefix },
    });
  expect((await dtask(app, 'control', 'revoke', result.id)).code).toBe(0);
  expect((await dtask(app, 'result', result.id)).stdout).toMatch(/^REVOKED\n/);
});

test('the last step of a canvas that was purged has ended, though only its record knew of it', async () => {
  const { app, other, run } = pair();
  const later = run.s('b').set({ queue: 'later' });
  const result = await chain(run.s('a'), later).delay();
  await stage.worker(app);
  await eventually(() => app.queues.counts('later')).toMatchObject({ waiting: 1 });
  expect(await app.queues.purge('later')).toBe(1);
  expect(await other.result(result.id).state()).toBe('REVOKED');
  expect(await rejection(other.result(result.id).get(soon))).toBeInstanceOf(TaskRevokedError);
});
