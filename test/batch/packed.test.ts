/** Calls that are packed into messages: each is a task of its own in all that can be seen of it. */
import {
  type App,
  currentTask,
  Ignore,
  Reject,
  type TaskContext,
  type TaskOptions,
  TaskRevokedError,
  UnknownTaskError,
} from 'dtask';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection, thrown } from '../behaviour/rejection.js';
import { messageKey, resultKey } from '../behaviour/stage.js';

const soon = { timeout: '15s' } as const;

/** The ids of the messages that wait in a queue. */
const waiting = (app: App, queue = 'default'): Promise<string[]> =>
  stage.redis.lrange(`${app.config.prefix}:{${queue}}:wait`, 0, -1);

const packOf = (id: string): string => id.replace(/~p\d+$/, '');

/** Lists in a list, so many levels of them. */
function deep(levels: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < levels; level += 1) value = [value];
  return value;
}

const depthOf = (value: unknown): number => (Array.isArray(value) ? 1 + depthOf(value[0]) : 0);

/** An App with a worker that stops at the end of the test. */
async function served(options: ConstructorParameters<typeof App>[1] = {}): Promise<App> {
  const app = stage.app(options);
  const worker = await stage.worker(app);
  onTestFinished(() => worker.stop());
  return app;
}

describe('sending', () => {
  test('calls that are made at once share a message, and each gets its own value', async () => {
    const app = stage.app();
    const add = app.task('add', (x: number, y: number) => x + y, { batch: true });
    const results = await Promise.all([1, 2, 3].map((x) => add.delay(x, 10)));
    const pack = packOf(results[0]?.id ?? '');
    expect(results.map(({ id }) => id)).toEqual([0, 1, 2].map((n) => `${pack}~p${n}`));
    expect(await waiting(app)).toEqual([pack]);
    await stage.worker(app);
    expect(await Promise.all(results.map((result) => result.get(soon)))).toEqual([11, 12, 13]);
    await eventually(() => stage.redis.exists(messageKey(app, 'default', pack))).toBe(0);
  });

  test('a call that is made alone is an ordinary message', async () => {
    const app = stage.app();
    const echo = app.task('echo', (x: unknown) => x, { batch: true });
    const result = await echo.delay('alone');
    expect(await waiting(app)).toEqual([result.id]);
    expect(await result.state()).toBe('PENDING');
    await stage.worker(app);
    expect(await result.get(soon)).toBe('alone');
  });

  test('a message holds so many calls, and so many bytes, as the task says', async () => {
    const app = stage.app();
    const few = app.task('few', (x: number) => x, { batch: { size: 4 } });
    const ids = (await Promise.all(Array.from({ length: 10 }, (_, x) => few.delay(x)))).map(
      ({ id }) => packOf(id),
    );
    expect([...new Set(ids)].map((id) => ids.filter((one) => one === id).length)).toEqual([
      4, 4, 2,
    ]);
    const small = app.task('small', (x: string) => x.length, { batch: { bytes: '1KB' } });
    const texts = await Promise.all([400, 400, 400, 2_000].map((n) => small.delay('x'.repeat(n))));
    expect(new Set(texts.map(({ id }) => packOf(id))).size).toBe(3);
    expect(texts[3]?.id).not.toMatch(/~p/);
    await stage.worker(app);
    expect(await Promise.all(texts.map((text) => text.get(soon)))).toEqual([400, 400, 400, 2_000]);
  });

  test('a call waits for others as long as the task says, and not once a message is full', async () => {
    const app = stage.app();
    const patient = app.task('patient', (x: number) => x, { batch: { wait: '1h', size: 2 } });
    const first = patient.delay(1);
    await new Promise(setImmediate);
    expect(await waiting(app)).toEqual([]);
    const second = patient.delay(2);
    expect(packOf((await first).id)).toBe(packOf((await second).id));
  });

  test('an App that is closed sends what it has gathered', async () => {
    const app = stage.app();
    const late = app.task('late', (x: number) => x, { batch: { wait: '1h' } });
    await app.sendTask('late', [0]);
    const calls = [late.delay(1), late.delay(2)];
    await app.close();
    await Promise.all(calls);
    expect(await stage.redis.llen(`${app.config.prefix}:{default}:wait`)).toBe(2);
  });

  test('calls with other options, queues or parents go in other messages', async () => {
    const app = stage.app();
    const mixed = app.task('mixed', (x: number) => x, { batch: true });
    const results = await Promise.all([
      mixed.delay(1),
      mixed.applyAsync([2], { queue: 'other' }),
      mixed.applyAsync([3], { priority: 3 }),
      mixed.applyAsync([4], { timeLimit: '1m' }),
      mixed.applyAsync([5], { headers: { tenant: 'acme' } }),
      mixed.applyAsync([6], { id: 'my-own' }),
      mixed.applyAsync([7], { countdown: 1 }),
    ]);
    const packs = results.map(({ id }) => packOf(id));
    expect(new Set(packs).size).toBe(6);
    // What each call may have for itself parts nothing.
    expect(packs[4]).toBe(packs[0]);
    expect(packs[5]).toBe('my-own');
    await stage.worker(app, { queues: ['default', 'other'] });
    expect(await Promise.all(results.map((result) => result.get(soon)))).toEqual([
      1, 2, 3, 4, 5, 6, 7,
    ]);
  });

  test('what cannot travel fails its own call', async () => {
    const app = await served();
    const echo = app.task('echo', (x: unknown) => x, { batch: true });
    const calls = [echo.delay(1), echo.delay(() => 1), echo.delay(3)];
    expect(await rejection(calls[1] as (typeof calls)[0])).toMatchObject({ code: 'ENCODE' });
    expect(await calls[0]?.get(soon)).toBe(1);
    expect(await calls[2]?.get(soon)).toBe(3);
  });

  test('a call that is nested too deeply for a shared message goes by itself', async () => {
    const app = await served();
    app.use({
      publish: async (call, next) => {
        if (call.headers['deepen'] === true) call.args = [deep(499)];
        await next();
      },
    });
    const depth = app.task('depth', (x: unknown) => depthOf(x), { batch: true });
    const calls = await Promise.all([
      depth.delay(deep(1)),
      depth.delay(deep(496)),
      depth.delay(deep(497)),
      depth.delay(deep(499)),
      depth.applyAsync([deep(2)], { headers: { deepen: true } }),
      depth.applyAsync([deep(3)], { headers: { far: deep(498) } }),
    ]);
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual([
      1, 496, 497, 499, 499, 3,
    ]);
    expect(packOf(calls[0]?.id ?? '')).toBe(packOf(calls[1]?.id ?? ''));
    expect(packOf(calls[0]?.id ?? '')).not.toBe(packOf(calls[2]?.id ?? ''));
  });

  test('middleware sees each call, and a call that it moves goes where it says', async () => {
    const app = await served();
    const seen: string[] = [];
    app.use({
      publish: async (call, next) => {
        seen.push(call.id);
        call.headers['mark'] = String(call.args[0]);
        if (call.args[0] === 2) call.priority = 5;
        await next();
      },
    });
    const marked = app.task('marked', (_x: number) => currentTask().headers['mark'], {
      batch: true,
    });
    const calls = [1, 2, 3].map((x) => marked.delay(x));
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(['1', '2', '3']);
    expect(seen).toEqual(calls.map(({ id }) => id));
  });
});

describe('running', () => {
  test('each call has its own context, headers, and place in the tree', async () => {
    const app = await served();
    const seen: Pick<TaskContext, 'id' | 'rootId' | 'parentId' | 'headers' | 'args'>[] = [];
    const leaf = app.task(
      'leaf',
      (_x: number) => {
        const { id, rootId, parentId, headers, args } = currentTask();
        seen.push({ id, rootId, parentId, headers, args });
        return id;
      },
      { batch: true },
    );
    const tree = app.task('tree', async () =>
      Promise.all([1, 2].map((x) => leaf.applyAsync([x], { headers: { x } }).get(soon))),
    );
    const root = tree.delay();
    const ids = await root.get(soon);
    expect(packOf(ids[0] ?? '')).toBe(packOf(ids[1] ?? ''));
    expect(seen).toEqual(
      ids.map((id, at) => ({
        id,
        rootId: root.id,
        parentId: root.id,
        headers: { x: at + 1 },
        args: [at + 1],
      })),
    );
    const children = await app.result(root.id).children;
    expect(children.map(({ id }) => id)).toEqual(ids);
  });

  test('a call that fails fails alone, and is kept among the failed tasks', async () => {
    const app = await served();
    const picky = app.task(
      'picky',
      (x: number) => {
        if (x === 2) throw new RangeError('not 2');
        if (x === 3) throw new Ignore();
        if (x === 4) throw new Reject('not 4');
        return x;
      },
      { batch: true },
    );
    const calls = [1, 2, 3, 4, 5].map((x) => picky.delay(x));
    const ends = await Promise.allSettled(calls.map((call) => call.get(soon)));
    expect(ends).toMatchObject([
      { value: 1 },
      { reason: { name: 'TaskFailedError', errorName: 'RangeError', message: 'not 2' } },
      { status: 'fulfilled', value: undefined },
      { reason: { name: 'Reject' } },
      { value: 5 },
    ]);
    await eventually(async () => (await app.queues.counts('default')).failed).toBe(2);
    const kept = [];
    for await (const task of app.failed.list()) kept.push(task);
    expect(
      kept.map(({ id, task }) => `${task} ${id}`).toSorted((a, b) => a.localeCompare(b)),
    ).toEqual([`picky ${calls[1]?.id}`, `picky ${calls[3]?.id}`]);
    expect(kept.find(({ id }) => id === calls[1]?.id)).toMatchObject({
      args: [2],
      error: { name: 'RangeError', message: 'not 2' },
    });
  });

  test('a failed call can be retried from among the failed ones', async () => {
    const app = await served();
    let isGood = false;
    const later = app.task(
      'later',
      (x: number) => {
        if (x === 1 && !isGood) throw new Error('not yet');
        return x;
      },
      { batch: true },
    );
    const calls = [0, 1].map((x) => later.delay(x));
    expect(await calls[0]?.get(soon)).toBe(0);
    await rejection((calls[1] as (typeof calls)[0]).get(soon));
    await eventually(async () => (await app.queues.counts('default')).failed).toBe(1);
    isGood = true;
    await app.failed.retry(calls[1]?.id ?? '');
    expect(await app.result(calls[1]?.id ?? '').get(soon)).toBe(1);
  });

  test.each([0, 3])(
    'a call of priority %i that has failed is kept ahead of all messages that wait',
    async (priority) => {
      // One shard: no order holds over several.
      const app = stage.app({ shards: 1 });
      let hasFailed = false;
      const failing = new Gate();
      const holding = new Gate();
      const picky = app.task(
        'picky',
        async (x: number) => {
          if (x > 0 || hasFailed) return x;
          hasFailed = true;
          await failing.passed;
          throw new Error('not 0');
        },
        { batch: true, priority },
      );
      const held = app.task('held', () => holding.passed);
      const calls = await Promise.all([0, 1].map((x) => picky.delay(x)));
      const first = calls[0] as (typeof calls)[0];
      await stage.worker(app, { concurrency: 1 });
      await eventually(() => first.state()).toBe('STARTED');
      const behind = await Promise.all([1, 2, 3].map(() => held.delay()));
      failing.open();
      expect(await rejection(first.get(soon))).toMatchObject({ message: 'not 0' });
      await eventually(async () => (await app.failed.show(first.id))?.error.message).toBe('not 0');
      expect(await stage.redis.hget(messageKey(app, 'default', first.id), 'priority')).toBe(
        String(priority),
      );
      expect(await app.failed.retry(first.id)).toBe(true);
      holding.open();
      expect(await app.result(first.id).get(soon)).toBe(0);
      await Promise.all(behind.map((result) => result.get(soon)));
    },
  );

  test.each([0, 2])(
    'calls of priority %i that go by themselves keep their order, ahead of those that were sent later',
    async (priority) => {
      // One shard: no order holds over several.
      const app = stage.app({ shards: 1 });
      const gate = new Gate();
      const runs: number[] = [];
      const slow = app.task(
        'slow',
        async (x: number) => {
          runs.push(x);
          if (x > 0) return;
          await gate.passed;
          await new Promise((resolve) => setTimeout(resolve, 300));
        },
        { batch: true, priority },
      );
      const calls = await Promise.all([0, 1, 2, 3].map((x) => slow.delay(x)));
      await stage.worker(app, { concurrency: 1 });
      await eventually(() => runs).toEqual([0]);
      const later = await slow.delay(4);
      gate.open();
      await Promise.all([...calls, later].map((call) => call.get(soon)));
      expect(runs).toEqual([0, 1, 2, 3, 4]);
    },
  );

  test('a call is retried by itself, by the rules of its task, and its neighbours do not wait', async () => {
    const app = await served();
    const runs: [number, number][] = [];
    const flaky = app.task(
      'flaky',
      (x: number, fails: number) => {
        const { retries } = currentTask();
        runs.push([x, retries]);
        if (retries < fails) throw new Error(`failure ${retries}`);
        return x;
      },
      { batch: true, maxRetries: 2, retryDelay: 1 },
    );
    const calls = [
      [1, 0],
      [2, 2],
      [3, 5],
    ].map(([x = 0, fails = 0]) => flaky.delay(x, fails));
    const [one, two, three] = await Promise.allSettled(calls.map((call) => call.get(soon)));
    expect(one).toMatchObject({ value: 1 });
    expect(two).toMatchObject({ value: 2 });
    expect(three).toMatchObject({ reason: { message: 'failure 2' } });
    expect(runs.filter(([x]) => x === 1)).toEqual([[1, 0]]);
    expect(runs.filter(([x]) => x === 2).map(([, retries]) => retries)).toEqual([0, 1, 2]);
    expect(runs.filter(([x]) => x === 3)).toHaveLength(3);
  });

  test.each([0, 3])(
    'a call of priority %i that goes back to its queue comes again',
    async (priority) => {
      const app = await served();
      const runs: number[] = [];
      const back = app.task(
        'back',
        (x: number) => {
          runs.push(x);
          if (x === 1 && runs.filter((one) => one === 1).length < 3)
            throw new Reject('not yet', { requeue: true });
          return x;
        },
        { batch: true, priority },
      );
      const calls = [0, 1, 2].map((x) => back.delay(x));
      expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual([0, 1, 2]);
      expect(runs.toSorted((a, b) => a - b)).toEqual([0, 1, 1, 1, 2]);
    },
  );

  test('a call that waits for its retry says so, and may ask for other arguments', async () => {
    const app = await served();
    const asking = app.task(
      'asking',
      (x: number, y: string) => {
        if (y === 'again') currentTask().retry({ countdown: '1h', args: [x, 'done'] });
        return y;
      },
      { batch: true },
    );
    const calls = await Promise.all([asking.delay(1, 'again'), asking.delay(2, 'fine')]);
    expect(await calls[1]?.get(soon)).toBe('fine');
    const first = calls[0] as (typeof calls)[0];
    await eventually(() => app.result(first.id).state()).toBe('RETRY');
    const data = await stage.redis.hget(messageKey(app, 'default', first.id), 'data');
    expect(JSON.parse(data ?? '')).toMatchObject({ args: [1, 'done'] });
    expect(await first.revoke()).toBe(true);
    expect(await rejection(first.get(soon))).toBeInstanceOf(TaskRevokedError);
  });

  test('a call that has expired when its turn comes ends as revoked', async () => {
    const app = stage.app();
    const brief = app.task('brief', (x: number) => x, { batch: true });
    const sent = Date.now();
    const calls = await Promise.all([
      brief.applyAsync([1], { expires: 1 }),
      brief.applyAsync([2], { expires: '1h' }),
      brief.delay(3),
    ]);
    expect(new Set(calls.map(({ id }) => packOf(id))).size).toBe(1);
    await eventually(() => Date.now() > sent + 1).toBe(true);
    await stage.worker(app);
    expect(await rejection((calls[0] as (typeof calls)[0]).get(soon))).toMatchObject({
      name: 'TaskRevokedError',
      message: expect.stringMatching(/expired/),
    });
    expect(await calls[1]?.get(soon)).toBe(2);
    expect(await calls[2]?.get(soon)).toBe(3);
  });

  test('a task that the worker does not have fails each of its calls', async () => {
    const app = stage.app();
    const unknown = app.task('unknown', (x: number) => x, { batch: true });
    const other = stage.app({ prefix: app.config.prefix });
    await stage.worker(other);
    const calls = [1, 2].map((x) => unknown.delay(x).get(soon));
    for (const end of await Promise.allSettled(calls))
      expect(end).toMatchObject({ reason: expect.any(UnknownTaskError) });
  });

  test('hooks, events and counts tell of each call', async () => {
    const app = await served();
    await app.control.enableEvents();
    const told: string[] = [];
    app.on('taskReceived', ({ id }) => void told.push(`received ${id}`));
    app.on('taskPrerun', ({ context }) => void told.push(`begins ${context.id}`));
    app.on('taskSuccess', ({ context }) => void told.push(`ends ${context.id}`));
    const heard: string[] = [];
    const stop = new AbortController();
    const listening = (async (): Promise<void> => {
      const events = app.events({
        types: ['task-received', 'task-succeeded'],
        since: 'start',
        signal: stop.signal,
      });
      for await (const event of events) heard.push(`${event.type} ${event.id}`);
    })();
    const plain = app.task('plain', (x: number) => x, { batch: true });
    const calls = await Promise.all([1, 2].map((x) => plain.delay(x)));
    for (const call of calls) await call.get(soon);
    await eventually(() => told.length).toBe(6);
    for (const { id } of calls)
      expect(told.filter((line) => line.endsWith(id))).toEqual(
        ['received', 'begins', 'ends'].map((what) => `${what} ${id}`),
      );
    await eventually(() => heard.length).toBeGreaterThanOrEqual(4);
    stop.abort();
    await listening.catch(() => undefined);
    const [stats] = Object.values(await app.inspect.stats());
    expect(stats).toMatchObject({ total: { plain: 2 } });
  });

  test('a state that a call reports is its own', async () => {
    const app = await served();
    const gate = new Gate();
    const telling = app.task(
      'telling',
      async (x: number) => {
        await currentTask().progress({ x });
        if (x === 1) await gate.passed;
        return x;
      },
      { batch: true },
    );
    const calls = await Promise.all([1, 2].map((x) => telling.delay(x)));
    const first = app.result(calls[0]?.id ?? '');
    await eventually(() => first.state()).toBe('PROGRESS');
    expect(await first.info()).toEqual({ x: 1 });
    gate.open();
    expect(await calls[1]?.get(soon)).toBe(2);
  });

  test('calls of a pack that takes long go by themselves, so that others may run them', async () => {
    const app = stage.app();
    const gate = new Gate();
    const slow = app.task(
      'slow',
      async (x: number) => {
        if (x === 0) await new Promise((resolve) => setTimeout(resolve, 300));
        if (x > 0) await gate.passed;
        return x;
      },
      { batch: true },
    );
    await stage.worker(app, { concurrency: 3 });
    const calls = await Promise.all([0, 1, 2].map((x) => slow.delay(x)));
    // Both at a time: one behind the other, the second would not begin.
    await eventually(async () => {
      const [tasks] = Object.values(await app.inspect.active());
      return (Array.isArray(tasks) ? tasks : [])
        .map(({ id }) => id)
        .toSorted((a, b) => a.localeCompare(b));
    }).toEqual(calls.slice(1).map(({ id }) => id));
    gate.open();
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual([0, 1, 2]);
  });

  test('a rate that was set for the task while it runs holds for each call', async () => {
    const app = await served();
    const paced = app.task('paced', (x: number) => x, { batch: true });
    await app.control.rateLimit('paced', '1000/s');
    const calls = [1, 2, 3].map((x) => paced.delay(x));
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual([1, 2, 3]);
  });

  test('a rate that is set while calls of a message run holds for the others, and none is lost', async () => {
    const app = await served();
    let setting: Promise<unknown> | undefined;
    const paced = app.task(
      'paced',
      async (x: number) => {
        setting ??= app.control.rateLimit('paced', '50/s');
        await new Promise((resolve) => setTimeout(resolve, 5));
        return x;
      },
      { batch: true },
    );
    const numbers = Array.from({ length: 20 }, (_, x) => x);
    const calls = await Promise.all(numbers.map((x) => paced.delay(x)));
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(numbers);
    await setting;
    await eventually(() => stage.redis.keys(`${app.config.prefix}:{default}:*~p*`)).toEqual([]);
  });

  test('results that nobody asked for are not stored', async () => {
    const app = await served();
    let runs = 0;
    const quiet = app.task(
      'quiet',
      (x: number) => {
        runs += 1;
        if (x === 2) throw new Error('kept');
      },
      { batch: true, ignoreResult: true },
    );
    const calls = await Promise.all([1, 2].map((x) => quiet.delay(x)));
    await eventually(async () => (await app.queues.counts('default')).failed).toBe(1);
    expect(runs).toBe(2);
    expect(await stage.redis.exists(resultKey(app, calls[0]?.id ?? ''))).toBe(0);
  });
});

describe('looking and revoking', () => {
  test('any process sees the state of a call, before and behind its run', async () => {
    const app = stage.app();
    const gate = new Gate();
    const held = app.task('held', async (x: number) => (await gate.passed, x), { batch: true });
    const calls = await Promise.all([1, 2].map((x) => held.delay(x)));
    const other = stage.app({ prefix: app.config.prefix });
    const states = (): Promise<string[]> =>
      Promise.all(calls.map(({ id }) => other.result(id).state()));
    expect(await states()).toEqual(['PENDING', 'PENDING']);
    expect(await other.result(`${packOf(calls[0]?.id ?? '')}~p7`).state()).toBe('UNKNOWN');
    await stage.worker(app);
    await eventually(states).toEqual(['STARTED', 'STARTED']);
    gate.open();
    await eventually(states).toEqual(['SUCCESS', 'SUCCESS']);
    expect(await other.result(calls[1]?.id ?? '').get(soon)).toBe(2);
  });

  test('a call of a pack that waits can be revoked, and its neighbours run', async () => {
    const app = stage.app();
    const runs: number[] = [];
    const revoked: string[] = [];
    app.on('taskRevoked', ({ id }) => void revoked.push(id));
    const each = app.task('each', (x: number) => void runs.push(x), { batch: true });
    const calls = await Promise.all([1, 2, 3].map((x) => each.delay(x)));
    const second = calls[1] as (typeof calls)[0];
    expect(await second.revoke()).toBe(true);
    expect(await second.state()).toBe('REVOKED');
    expect(await second.revoke()).toBe(false);
    expect(await rejection(second.get(soon))).toBeInstanceOf(TaskRevokedError);
    await stage.worker(app);
    await Promise.all([calls[0]?.get(soon), calls[2]?.get(soon)]);
    expect(runs).toEqual([1, 3]);
    expect(revoked).toEqual([second.id]);
  });

  test('calls of a pack that runs can be revoked, the one that runs and one behind it', async () => {
    const app = await served();
    const runs: number[] = [];
    const until = app.task(
      'until',
      async (x: number) => {
        runs.push(x);
        const { signal } = currentTask();
        if (x === 1)
          await new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error));
          });
        return x;
      },
      { batch: true },
    );
    const calls = await Promise.all([1, 2, 3].map((x) => until.delay(x)));
    await eventually(() => runs).toEqual([1]);
    expect(await calls[1]?.revoke()).toBe(true);
    expect(await calls[0]?.revoke()).toBe(true);
    for (const call of calls.slice(0, 2))
      expect(await rejection(call.get(soon))).toBeInstanceOf(TaskRevokedError);
    expect(await calls[2]?.get(soon)).toBe(3);
    expect(runs).toEqual([1, 3]);
  });

  test('a call that has failed and is about to be kept cannot be revoked', async () => {
    const app = stage.app();
    const gate = new Gate();
    const picky = app.task(
      'picky',
      async (x: number) => {
        if (x === 0) throw new Error('not 0');
        await gate.passed;
      },
      { batch: true },
    );
    const headers = { of: 'a' };
    const calls = await Promise.all([0, 1].map((x) => picky.applyAsync([x], { headers })));
    const first = calls[0] as (typeof calls)[0];
    // While the second runs there is no place for the message that has the end of the first.
    await stage.worker(app, { concurrency: 1 });
    await eventually(() => stage.redis.exists(messageKey(app, 'default', first.id))).toBe(1);
    expect(await first.revoke()).toBe(false);
    expect(await app.control.revoke(first.id)).toMatchObject({ removed: 0, running: 0 });
    await app.control.revokeByHeaders(headers);
    expect(await first.state()).toBe('FAILURE');
    gate.open();
    await eventually(async () => (await app.failed.show(first.id))?.error.message).toBe('not 0');
    expect(await rejection(first.get(soon))).toMatchObject({ message: 'not 0' });
  });

  test('a call that has ended cannot be revoked while others of its message run', async () => {
    const app = stage.app();
    const gate = new Gate();
    const held = app.task('held', async (x: number) => (x > 0 && (await gate.passed), x), {
      batch: true,
    });
    const calls = await Promise.all([0, 1].map((x) => held.delay(x)));
    await stage.worker(app);
    const first = calls[0] as (typeof calls)[0];
    expect(await first.get(soon)).toBe(0);
    expect(await first.revoke()).toBe(false);
    expect(await app.control.revoke(first.id)).toMatchObject({ removed: 0, running: 0 });
    expect(await first.state()).toBe('SUCCESS');
    gate.open();
    expect(await calls[1]?.get(soon)).toBe(1);
  });

  test('a rule revokes those calls of a pack that it is for', async () => {
    const app = stage.app();
    const runs: number[] = [];
    const tenant = app.task('tenant', (x: number) => void runs.push(x), { batch: true });
    const calls = await Promise.all(
      [1, 2, 3].map((x) => tenant.applyAsync([x], { headers: { of: x === 2 ? 'b' : 'a' } })),
    );
    const { removed } = await app.control.revokeByHeaders({ of: 'a' });
    expect(removed).toBe(2);
    await stage.worker(app);
    await calls[1]?.get(soon);
    expect(runs).toEqual([2]);
    expect(await rejection((calls[2] as (typeof calls)[0]).get(soon))).toBeInstanceOf(
      TaskRevokedError,
    );
  });

  test('a caller hears of calls whose pack was purged', async () => {
    const app = stage.app();
    const gone = app.task('gone', (x: number) => x, { batch: true });
    const calls = await Promise.all([1, 2].map((x) => gone.delay(x)));
    await app.queues.purge('default');
    for (const end of await Promise.allSettled(calls.map((call) => call.get(soon))))
      expect(end).toMatchObject({
        reason: { name: 'TaskRevokedError', message: expect.stringMatching(/is gone/) },
      });
  });

  test('a damaged pack is refused', async () => {
    const app = await served();
    const strange = app.sendTask('dtask.pack', ['x', [{ n: 'one' }]]);
    expect(await rejection(strange.get(soon))).toMatchObject({ code: 'MESSAGE_REJECTED' });
  });
});

describe('declaring', () => {
  test.each<[TaskOptions, RegExp]>([
    [{ rateLimit: '5/s' }, /cannot be combined with rateLimit/],
    [{ maxConcurrency: 1 }, /cannot be combined with maxConcurrency/],
    [{ unique: true }, /cannot be combined with unique/],
    [{ delivery: 'at-most-once' }, /cannot be combined with delivery/],
    [{ countdown: 5 }, /cannot be combined with countdown/],
  ])('a packed task with %o is refused, with a reason', (options, text) => {
    const app = stage.app();
    const error = thrown(() => app.task('no', () => 1, { batch: true, ...options }));
    expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringMatching(text) });
  });

  test.each<[unknown, RegExp]>([
    [{ size: 0 }, /batch.size must be a whole number of at least 1, got 0/],
    [{ wait: 'soon' }, /batch.wait must be/],
    [{ bytes: 'much' }, /batch.bytes must be/],
    [{ sizes: 4 }, /size/],
    [5, /batch must be true, false or an object, got 5/],
  ])('the option %o is refused', (batch, text) => {
    const app = stage.app();
    const error = thrown(() => app.task('no', () => 1, { batch: batch as true }));
    expect(error).toMatchObject({ code: 'CONFIG', message: expect.stringMatching(text) });
  });

  test('a call may still be the only one of its kind', async () => {
    const app = stage.app();
    const sometimes = app.task('sometimes', (x: number) => x, { batch: true });
    const calls = await Promise.all([
      sometimes.applyAsync([1], { unique: true }),
      sometimes.applyAsync([1], { unique: true }),
    ]);
    expect(calls[0]?.id).toBe(calls[1]?.id);
  });
});

describe('stopping', () => {
  test('a worker that stops at once gives back what it has not run', async () => {
    const app = stage.app();
    const runs: [number, string][] = [];
    const each = app.task(
      'each',
      async (x: number) => {
        const { signal, worker } = currentTask();
        runs.push([x, worker]);
        if (x === 1 && runs.length === 2)
          await new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error));
          });
        return x;
      },
      { batch: true },
    );
    const first = await stage.worker(app);
    const calls = await Promise.all([0, 1, 2].map((x) => each.delay(x)));
    await eventually(() => runs.length).toBe(2);
    await first.stop({ force: true });
    const second = await stage.worker(app);
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual([0, 1, 2]);
    expect(runs.filter(([, worker]) => worker === second.name).map(([x]) => x)).toEqual([1, 2]);
  });

  test('a call that runs for longer than its limit fails, and those behind it run', async () => {
    const app = await served();
    const long = app.task(
      'long',
      async (x: number) => {
        if (x === 1) await new Promise(() => undefined);
        return x;
      },
      { batch: true, timeLimit: 50 },
    );
    const calls = [0, 1, 2].map((x) => long.delay(x));
    const ends = await Promise.allSettled(calls.map((call) => call.get(soon)));
    expect(ends).toMatchObject([
      { value: 0 },
      { reason: { name: 'TimeLimitExceededError' } },
      { value: 2 },
    ]);
  });
});
