/** Unique calls: the second one is the first one, for as long as it says so. */
import { type AsyncResult, chain, currentTask, Retry, type Task, type UniqueOptions } from 'dtask';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { messageKey } from '../behaviour/stage.js';
import { rejection } from '../support/until.js';

const soon = { timeout: '10s' } as const;

/** A task that does what its argument says, and what its tests hold it by. */
function cast(unique: boolean | UniqueOptions = true) {
  const app = stage.app();
  const gate = new Gate();
  const ran: string[] = [];
  const work = app.task(
    'work',
    async (what: 'pass' | 'wait' | 'fail' | 'retry') => {
      const { id, retries } = currentTask();
      ran.push(id);
      if (what === 'wait') await gate.passed;
      if (what === 'fail') throw new Error('no');
      if (what === 'retry' && retries === 0) throw new Retry({ countdown: '1m' });
      return id;
    },
    { unique },
  );
  return { app, gate, ran, work };
}

type Cast = ReturnType<typeof cast>;
type Work = Cast['work'];
type What = Parameters<Work['delay']>[0];

/** Brings a first call to where the second one finds it. */
interface Scene {
  readonly what: What;
  readonly options?: Parameters<Work['applyAsync']>[1];
  readonly bring: (cast: Cast, first: AsyncResult<string>) => Promise<unknown>;
}

const scenes: Record<string, Scene> = {
  waiting: { what: 'pass', bring: () => Promise.resolve() },
  'waiting for its countdown': {
    what: 'pass',
    options: { countdown: '1m' },
    bring: () => Promise.resolve(),
  },
  'waiting with a priority': {
    what: 'pass',
    options: { priority: 5 },
    bring: () => Promise.resolve(),
  },
  running: {
    what: 'wait',
    bring: async ({ app, ran }, { id }) => {
      await stage.worker(app);
      await eventually(() => ran).toEqual([id]);
    },
  },
  'waiting for its retry': {
    what: 'retry',
    bring: async ({ app }, first) => {
      await stage.worker(app);
      await eventually(() => first.state()).toBe('RETRY');
    },
  },
  'done well': {
    what: 'pass',
    bring: async ({ app }, first) => {
      await stage.worker(app);
      await first.get(soon);
      await eventually(async () => (await app.queues.counts('default')).active).toBe(0);
    },
  },
  failed: {
    what: 'fail',
    bring: async ({ app }, first) => {
      await stage.worker(app);
      await first.get({ ...soon, propagate: false });
      await eventually(async () => (await app.queues.counts('default')).active).toBe(0);
    },
  },
  revoked: { what: 'pass', bring: (_cast, first) => first.revoke() },
  purged: { what: 'pass', bring: ({ app }) => app.queues.purge('default') },
  'gone with the data of Redis': {
    what: 'pass',
    bring: async ({ app }, { id }) => stage.redis.del(messageKey(app, 'default', id)),
  },
};

/** Whether the second call is the first one, by what `unique` says and where the first one is. */
const table: readonly (readonly [string, boolean, boolean, boolean])[] = [
  // while the first is ..., unique: true, until: 'started', ttl: '1m'
  ['waiting', true, true, true],
  ['waiting for its countdown', true, true, true],
  ['waiting with a priority', true, true, true],
  ['running', true, false, true],
  ['waiting for its retry', true, false, true],
  ['done well', false, false, true],
  ['failed', false, false, true],
  ['revoked', false, false, false],
  ['purged', false, false, false],
  ['gone with the data of Redis', false, false, true],
];

const settings: Record<string, boolean | UniqueOptions> = {
  'unique: true': true,
  "until: 'started'": { until: 'started' },
  "ttl: '1m'": { ttl: '1m' },
};

/** Where a worker may have the second call before there is a third. */
const withWorker = new Set(['running', 'waiting for its retry', 'done well', 'failed']);

describe.each(table)('while the first is %s', (state, ...same) => {
  test.each(Object.keys(settings).map((name, at) => [name, same[at]] as const))(
    'with %s the second is the same: %s',
    async (name, isSame) => {
      const made = cast(settings[name]);
      const { what, options, bring } = scenes[state] as Scene;
      const first = await made.work.applyAsync([what], options);
      await bring(made, first);
      const second = await made.work.applyAsync([what], options);
      expect(second.id === first.id).toBe(isSame);
      if (!withWorker.has(state)) {
        // Nothing takes the second one away: a third one finds it.
        const third = await made.work.applyAsync([what], options);
        expect(third.id).toBe(second.id);
      }
      made.gate.open();
    },
  );
});

describe('the second caller', () => {
  test('gets the value of the first, of which the task runs once', async () => {
    const { app, gate, ran, work } = cast();
    const first = work.delay('wait');
    const second = await work.delay('wait');
    await stage.worker(app);
    await eventually(() => ran).toHaveLength(1);
    const third = work.delay('wait');
    const values = Promise.all([first.get(soon), second.get(soon), third.get(soon)]);
    gate.open();
    expect(new Set(await values)).toEqual(new Set([second.id]));
    expect(ran).toEqual([second.id]);
  });

  test('sees the id that it asked for before, and that of the first when it is sent', async () => {
    const { work } = cast();
    const first = await work.applyAsync(['pass'], { id: 'the-first' });
    const sent = work.applyAsync(['pass'], { id: 'the-second' });
    expect(sent.id).toBe('the-second');
    expect((await sent).id).toBe(first.id);
    expect(await sent.revoke()).toBe(true);
    expect(await first.state()).toBe('REVOKED');
  });

  test('hears of a result that comes while it asks, from another process', async () => {
    const { app, gate, work } = cast();
    const other = stage.app({ prefix: app.config.prefix });
    const first = await work.delay('wait');
    const second = other.sendTask<string>('work', ['wait'], { unique: true });
    await stage.worker(app);
    const value = second.get(soon);
    await eventually(() => first.state()).toBe('STARTED');
    gate.open();
    expect(await value).toBe(first.id);
  });

  test('hears of the failure of the first as the first does', async () => {
    const { app, gate, work } = cast({ key: () => 'one' });
    const first = work.delay('wait');
    const second = work.delay('fail');
    await Promise.all([first, second]);
    gate.open();
    await stage.worker(app);
    expect(await second.get(soon)).toBe(await first.get(soon));
  });

  test('gets nothing where results are ignored', async () => {
    const { work } = cast();
    const first = await work.applyAsync(['pass'], { ignoreResult: true });
    const second = await work.applyAsync(['pass'], { ignoreResult: true });
    expect(second.id).toBe(first.id);
    expect(await second.get(soon)).toBeUndefined();
  });
});

describe('a second caller, of whom only one of both ignores the result,', () => {
  test('gets nothing, and at once, where the first does', async () => {
    const { app, gate, ran, work } = cast();
    const first = await work.applyAsync(['wait'], { ignoreResult: true });
    await stage.worker(app);
    await eventually(() => ran).toEqual([first.id]);
    // While it runs: there is nothing to wait for.
    expect(await work.delay('wait').get(soon)).toBeUndefined();
    const other = stage.app({ prefix: app.config.prefix });
    const second = await other.sendTask('work', ['wait'], { unique: true });
    gate.open();
    await eventually(() => app.queues.counts('default')).toMatchObject({ active: 0 });
    expect(await second.get(soon)).toBeUndefined();
    expect(ran).toEqual([first.id]);
  });

  test('gets the value where the first does not', async () => {
    const { app, work } = cast();
    const first = await work.delay('pass');
    const second = await work.applyAsync(['pass'], { ignoreResult: true });
    await stage.worker(app);
    expect(await second.get(soon)).toBe(first.id);
  });
});

describe('what makes two calls the same', () => {
  const sameCalls = async <A extends unknown[]>(
    task: { delay: (...args: A) => Promise<{ readonly id: string }> },
    a: A,
    b: A,
  ): Promise<boolean> => (await task.delay(...a)).id === (await task.delay(...b)).id;

  test("is their arguments, whatever the order of an object's fields", async () => {
    const task = stage.app().task('task', (..._args: unknown[]) => 0, { unique: true });
    expect(await sameCalls(task, [1, 'a'], [1, 'a'])).toBe(true);
    expect(await sameCalls(task, [2, 'a'], [2, 'b'])).toBe(false);
    expect(await sameCalls(task, [3], ['3'])).toBe(false);
    expect(
      await sameCalls(task, [{ a: 1, b: [{ c: 2, d: 3 }] }], [{ b: [{ d: 3, c: 2 }], a: 1 }]),
    ).toBe(true);
    expect(await sameCalls(task, [[1, 2]], [[2, 1]])).toBe(false);
    expect(await sameCalls(task, [new Date(5)], [new Date(5)])).toBe(true);
    expect(await sameCalls(task, [new Date(5)], [new Date(6)])).toBe(false);
  });

  test('is the key, where there is one, with the name of the task', async () => {
    const app = stage.app();
    const key = (user: string, _at: number): string => user;
    const visit = app.task('visit', (_user: string, _at: number) => 0, { unique: { key } });
    const leave = app.task('leave', (_user: string, _at: number) => 0, { unique: { key } });
    expect(await sameCalls(visit, ['ann', 1], ['ann', 2])).toBe(true);
    expect(await sameCalls(visit, ['bob', 1], ['eve', 1])).toBe(false);
    expect((await visit.delay('ann', 3)).id).not.toBe((await leave.delay('ann', 3)).id);
    const long = 'x'.repeat(5_000);
    expect(await sameCalls(visit, [`${long}a`, 1], [`${long}a`, 2])).toBe(true);
    expect(await sameCalls(visit, [`${long}b`, 1], [`${long}c`, 1])).toBe(false);
  });

  test('is theirs in each queue apart', async () => {
    const { work } = cast();
    const first = await work.delay('pass');
    const other = await work.applyAsync(['pass'], { queue: 'other' });
    expect(other.id).not.toBe(first.id);
  });

  test('may be said by a call, and taken back by one', async () => {
    const app = stage.app();
    const plain = app.task('plain', (_x: number) => 0);
    const first = await plain.applyAsync([1], { unique: true });
    expect((await plain.delay(1)).id).not.toBe(first.id);
    expect((await plain.applyAsync([1], { unique: true })).id).toBe(first.id);
    const { work } = cast();
    await work.delay('pass');
    const apart = await work.applyAsync(['pass'], { unique: false });
    expect(apart.id).not.toBe((await work.delay('pass')).id);
  });

  test.each([
    [() => 5, 'task task: unique.key must give a string, got 5'],
    [
      () => {
        throw new Error('no user');
      },
      'task task: unique.key threw: no user',
    ],
  ])('is refused where the key is none', async (key, message) => {
    const app = stage.app();
    const task = app.task('task', () => 0, { unique: { key: key as unknown as () => string } });
    const error = await rejection(task.delay());
    expect(error).toMatchObject({ code: 'CONFIG', message });
    expect(await app.queues.names()).toEqual([]);
  });
});

test('with a ttl that is over a call is a new one, even while the first waits', async () => {
  const { work } = cast({ ttl: 50 });
  const first = await work.delay('pass');
  await eventually(async () => (await work.delay('pass')).id !== first.id).toBe(true);
  expect(await first.state()).toBe('PENDING');
});

test("until 'started', a task may call itself again, and the next waits as the only one", async () => {
  const app = stage.app();
  const made: string[] = [];
  const poll: Task<(left: number) => Promise<number>> = app.task(
    'poll',
    async (left: number) => {
      if (left > 0) made.push((await poll.delay(left - 1)).id);
      return left;
    },
    { unique: { key: () => 'poll', until: 'started' } },
  );
  await stage.worker(app, { concurrency: 1 });
  const first = await poll.delay(3);
  expect(await first.get(soon)).toBe(3);
  await eventually(() => made.length).toBe(3);
  expect(new Set([first.id, ...made]).size).toBe(4);
});

test("until 'started', the retry of a task leaves the key to the call that has it by then", async () => {
  const app = stage.app();
  const gate = new Gate();
  let waits = false;
  const work = app.task(
    'work',
    async (_n: number) => {
      if (currentTask().retries === 0) throw new Retry({ countdown: 0 });
      waits = true;
      await gate.passed;
    },
    { unique: { key: () => 'one', until: 'started' }, queue: 'q' },
  );
  const first = await work.applyAsync([1], { countdown: 0 });
  const worker = await stage.worker(app, { concurrency: 1 });
  await eventually(() => waits).toBe(true);
  const second = await work.applyAsync([2], { countdown: '1m' });
  expect(second.id).not.toBe(first.id);
  gate.open();
  await first.get(soon);
  expect((await work.delay(3)).id).toBe(second.id);
  await worker.stop();
});

test('a unique call through an async schema is checked before it is sent', async () => {
  const app = stage.app();
  const schema = {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: async (value: unknown) => {
        await delay(1);
        return value === 'bad' ? { issues: [{ message: 'bad' }] } : { value };
      },
    },
  };
  const task = app.task('task', (x: string) => x, { unique: true, args: [schema] });
  const first = await task.delay('good');
  expect((await task.delay('good')).id).toBe(first.id);
  expect(await rejection(task.delay('bad'))).toMatchObject({ code: 'ARGUMENTS' });
});

describe('in a canvas', () => {
  test('a step that asks to be unique is refused', async () => {
    const { app, work } = cast(false);
    const error = await rejection(
      chain(work.si('pass'), app.signature<[]>('work', ['pass'], { unique: true })).delay(),
    );
    expect(error).toMatchObject({ code: 'CONFIG' });
    expect(error.message).toContain('a step of a canvas cannot be unique');
  });

  test('a task that is unique runs as often as it is a step', async () => {
    const { app, ran, work } = cast();
    await stage.worker(app);
    await chain(work.si('pass'), work.si('pass')).delay().get(soon);
    expect(ran).toHaveLength(2);
  });
});

test("a ttl and until: 'started' together are refused, as are other settings that are none", () => {
  const app = stage.app();
  const declare = (unique: unknown): void => {
    app.task('x', () => 0, { unique: unique as UniqueOptions });
  };
  expect(() => declare({ ttl: '1m', until: 'started' })).toThrowError(
    "unique takes a ttl or until: 'started', not both",
  );
  expect(() => declare({ until: 'never' })).toThrowError(
    "unique.until must be 'started' or 'done'",
  );
  expect(() => declare({ keys: () => '' })).toThrowError('did you mean key?');
});
