/** The failed store: what it tells, what it finds, and how tasks go back and away. */
import { ConfigError, currentTask, MessageRejectedError } from 'dtask';
import { beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection } from '../behaviour/rejection.js';
import { messageKey, resultKey } from '../behaviour/stage.js';
import { until } from '../support/until.js';
import { Failing, soon } from './failing.js';

class DiskFull extends Error {
  override name = 'DiskFull';
  readonly code = 'ENOSPC';
}

describe('a task that has failed for good', () => {
  test('is kept with all that is known of it', async () => {
    const failing = await Failing.open(stage);
    const store = failing.app.task(
      'disk.store',
      (_name: string, _at: Date) => {
        throw new DiskFull('no space left', { cause: new RangeError('block 7') });
      },
      { maxRetries: 2, retryDelay: 1 },
    );
    const at = new Date('2026-03-01T10:00:00Z');
    const before = Date.now();
    const id = await failing.fail(() =>
      store.applyAsync(['log.txt', at], { headers: { tenant: 'shop' } }),
    );
    const task = await failing.app.failed.show(id);
    expect(task).toMatchObject({
      id,
      queue: 'default',
      task: 'disk.store',
      args: ['log.txt', at],
      headers: { tenant: 'shop' },
      error: {
        name: 'DiskFull',
        message: 'no space left',
        code: 'ENOSPC',
        stack: expect.stringContaining('failed.test.ts'),
        cause: { name: 'RangeError', message: 'block 7' },
      },
      worker: expect.stringMatching(/^worker-/),
      retries: 2,
      crashes: 0,
      followed: false,
      tries: [{ message: 'no space left' }, { message: 'no space left' }],
      history: [],
    });
    expect(task).not.toHaveProperty('damaged');
    for (const time of [task?.failedAt, task?.sentAt, task?.startedAt])
      expect(time?.getTime()).toBeGreaterThanOrEqual(before);
  });

  test('tells its error when its result has expired, and can be retried still', async () => {
    const failing = await Failing.open(stage);
    const store = failing.app.task('short', () =>
      failing.maybe('stored', new DiskFull('no space left')),
    );
    const id = await failing.fail(() => store.applyAsync([], { resultExpires: '1s' }));
    await eventually(() => stage.redis.exists(resultKey(failing.app, id))).toBe(0);
    expect(await failing.app.failed.show(id)).toMatchObject({
      error: { name: 'DiskFull', code: 'ENOSPC', stack: expect.stringContaining('failed.test.ts') },
      worker: expect.stringMatching(/^worker-/),
    });
    failing.broken = false;
    const again = failing.app.result(id).get(soon);
    expect(await failing.app.failed.retry(id)).toBe(true);
    expect(await again).toBe('stored');
  });

  test('is kept and told whatever it threw', async () => {
    const failing = await Failing.open(stage);
    const thrown: [string, unknown, object][] = [
      ['text', 'just words', { name: 'string', message: 'just words' }],
      ['number', 7, { name: 'number', message: '7' }],
      ['nothing', undefined, { name: 'undefined' }],
      ['bare', Object.create(null), { name: expect.any(String) }],
      ['long', new Error('x'.repeat(1_000_000)), { name: 'Error' }],
    ];
    for (const [name, value, error] of thrown) {
      const task = failing.app.task(`throws.${name}`, () => {
        throw value;
      });
      const id = await failing.fail(() => task.delay());
      expect(await failing.app.failed.show(id)).toMatchObject({ task: `throws.${name}`, error });
    }
    expect(await failing.list()).toHaveLength(thrown.length);
  });

  test('keeps the stacks of its last ten runs, however often it was retried', async () => {
    const failing = await Failing.open(stage);
    const task = failing.app.task(
      'stubborn',
      () => {
        throw new Error(`run ${currentTask().retries}`);
      },
      { maxRetries: 25, retryDelay: 1 },
    );
    const id = await failing.fail(() => task.delay());
    const shown = await failing.app.failed.show(id);
    expect(shown).toMatchObject({ retries: 25, error: { message: 'run 25' } });
    expect(shown?.tries.map(({ message }) => message)).toEqual(
      [...Array(10).keys()].map((run) => `run ${run + 15}`),
    );
  });

  test('is not there under an id that did not fail', async () => {
    const failing = await Failing.open(stage);
    const id = (await failing.app.sendTask('later', [], { countdown: '1h' })).id;
    for (const other of [id, 'nobody']) {
      expect(await failing.app.failed.show(other)).toBeUndefined();
      expect(await failing.app.failed.retry(other)).toBe(false);
      expect(await failing.app.failed.drop(other)).toBe(false);
    }
    expect(await failing.app.result(id).state()).toBe('PENDING');
  });
});

describe('a list of failed tasks', () => {
  let failing: Failing;
  const failed: Date[] = [];
  const messages = ['connection refused', 'no such file', 'Connection reset', 'out of paper'];
  const names = ['image.resize', 'image.crop', 'mail.send', 'mail.print'];
  beforeAll(async () => {
    failing = await Failing.open(stage, ['default', 'mail']);
    for (const [index, name] of names.entries()) {
      const task = failing.app.task(
        name,
        () => {
          const error = index === 1 ? new RangeError(messages[index]) : new Error(messages[index]);
          throw error;
        },
        { queue: index < 2 ? 'default' : 'mail' },
      );
      const id = await failing.fail(() => task.delay());
      const { failedAt } = (await failing.app.failed.show(id)) ?? {};
      failed.push(failedAt as Date);
      // So that no two of them failed in one millisecond.
      await until('the clock has moved', () => Date.now() > (failedAt?.getTime() ?? 0));
    }
  });
  const named = async (filter: object): Promise<string[]> =>
    (await failing.list(filter)).map(({ task }) => task);

  test('has the newest first, over all queues', async () => {
    expect(await named({})).toEqual(names.toReversed());
  });

  test('may be of one queue, one task, or tasks whose names are alike', async () => {
    expect(await named({ queue: 'mail' })).toEqual(['mail.print', 'mail.send']);
    expect(await named({ queue: 'nowhere' })).toEqual([]);
    expect(await named({ task: 'mail.send' })).toEqual(['mail.send']);
    expect(await named({ task: 'image.*' })).toEqual(['image.crop', 'image.resize']);
    expect(await named({ task: '*.*r*' })).toEqual(['mail.print', 'image.crop', 'image.resize']);
    expect(await named({ task: 'image' })).toEqual([]);
    expect(await named({ task: 'image.r.size' })).toEqual([]);
  });

  test('may be of a span of time, in dates or in time ago', async () => {
    const [first, second, third] = failed;
    expect(await named({ since: second, until: third })).toEqual(['mail.send', 'image.crop']);
    expect(await named({ until: first })).toEqual(['image.resize']);
    expect(await named({ since: '1h' })).toHaveLength(4);
    expect(await named({ until: '1h' })).toEqual([]);
    expect(await named({ since: new Date(Date.now() + 60_000) })).toEqual([]);
  });

  test('may be of an error, by its name or a part of its message', async () => {
    expect(await named({ error: 'CONNECTION' })).toEqual(['mail.send', 'image.resize']);
    expect(await named({ error: 'RangeError' })).toEqual(['image.crop']);
    expect(await named({ error: 'connection', task: 'mail.*' })).toEqual(['mail.send']);
    expect(await named({ error: 'nothing of the kind' })).toEqual([]);
  });

  test('is as long as was asked for, and is counted', async () => {
    expect(await named({ limit: 2 })).toEqual(['mail.print', 'mail.send']);
    expect(await named({ limit: 0 })).toEqual([]);
    expect(await named({ limit: 1, task: 'image.*' })).toEqual(['image.crop']);
    expect(await failing.app.failed.count({ task: 'image.*' })).toBe(2);
    expect(await failing.app.failed.count()).toBe(4);
  });

  test('refuses a filter that it does not understand', () => {
    const refused: [unknown, RegExp][] = [
      [{ tasks: 'x' }, /did you mean task\?/],
      [{ limit: -1 }, /limit must be a whole number of at least 0, got -1/],
      [{ since: 'yesterday' }, /since must be/],
      [{ until: new Date(Number.NaN) }, /until is a Date that is not a point in time/],
      [{ task: '' }, /task must be a string that is not empty/],
      [7, /picked by an id or a filter/],
    ];
    for (const [filter, message] of refused) {
      expect(() => failing.app.failed.list(filter as object)).toThrow(ConfigError);
      expect(() => failing.app.failed.list(filter as object)).toThrow(message);
    }
  });
});

describe('retry', () => {
  test('runs a failed task again under its id, and it remembers how it failed before', async () => {
    const failing = await Failing.open(stage);
    let runs = 0;
    const flaky = failing.app.task(
      'flaky',
      (x: number) => {
        runs += 1;
        return failing.maybe(x * 2);
      },
      { maxRetries: 1, retryDelay: 1 },
    );
    const id = await failing.fail(() => flaky.delay(21));
    expect(await failing.app.failed.retry(id)).toBe(true);
    expect(await rejection(failing.app.result(id).get(soon))).toMatchObject({
      errorName: 'TypeError',
    });
    // A run, its retry, and both again: the retries are fresh.
    expect(runs).toBe(4);
    await failing.settled(id);
    const [task] = await failing.list();
    expect(task).toMatchObject({
      id,
      retries: 1,
      tries: [{ message: 'it is broken' }],
      history: [{ error: { name: 'TypeError', message: 'it is broken' }, retries: 1 }],
    });
    expect(task?.history[0]?.worker).toBe(task?.worker);
    failing.broken = false;
    expect(await failing.app.failed.retry(id)).toBe(true);
    expect(await failing.app.result(id).get(soon)).toBe(42);
    expect(await failing.list()).toEqual([]);
    await eventually(() => failing.job(id)).toEqual({});
  });

  test('may come as soon as the caller has heard of the failure', async () => {
    const failing = await Failing.open(stage);
    const task = failing.app.task('hasty', (x: number) => failing.maybe(x));
    for (let x = 0; x < 20; x += 1) {
      failing.broken = true;
      const call = task.delay(x);
      await rejection(call.get(soon));
      failing.broken = false;
      expect(await failing.app.failed.retry(call.id)).toBe(true);
      expect(await failing.app.result(call.id).get(soon)).toBe(x);
    }
  });

  test('lets a new get() wait for the new end, also in the process that sent the call', async () => {
    const failing = await Failing.open(stage);
    const gate = new Gate();
    const gated = failing.app.task('gated', async () => {
      if (!failing.broken) await gate.passed;
      return failing.maybe('done');
    });
    // From here on the process hears of its results, also of those that nobody waits for.
    await gated.delay().get({ ...soon, propagate: false });
    const call = await gated.delay();
    await failing.settled(call.id);
    failing.broken = false;
    expect(await failing.app.failed.retry(call.id)).toBe(true);
    expect(await call.state()).not.toBe('FAILURE');
    const both = [call.get(soon), failing.app.result(call.id).get(soon)];
    await eventually(() => call.state()).toBe('STARTED');
    gate.open();
    expect(await Promise.all(both)).toEqual(['done', 'done']);
  });

  test('pressed by two at once runs the task once', async () => {
    const failing = await Failing.open(stage);
    const other = stage.app({ prefix: failing.app.config.prefix });
    let runs = 0;
    const counted = failing.app.task('counted', () => {
      runs += 1;
      return failing.maybe(runs);
    });
    for (let round = 0; round < 10; round += 1) {
      failing.broken = true;
      const id = await failing.fail(() => counted.delay());
      failing.broken = false;
      runs = 0;
      const went = await Promise.all(
        [failing.app, other, failing.app].map(({ failed }) => failed.retry(id)),
      );
      expect(went.filter(Boolean)).toHaveLength(1);
      expect(await failing.app.result(id).get(soon)).toBe(1);
    }
    expect(await failing.list()).toEqual([]);
  });

  test('has each failure in the history, however many press it while it fails again', async () => {
    const failing = await Failing.open(stage);
    const others = [
      failing.app,
      ...[1, 2].map(() => stage.app({ prefix: failing.app.config.prefix })),
    ];
    let runs = 0;
    const task = failing.app.task('hopeless', () => {
      runs += 1;
      throw new Error(`run ${runs}`);
    });
    for (let round = 0; round < 5; round += 1) {
      runs = 0;
      const id = await failing.fail(() => task.delay());
      const press = async ({ failed }: typeof failing.app): Promise<number> => {
        let went = 0;
        for (let time = 0; time < 6; time += 1) went += Number(await failed.retry(id));
        return went;
      };
      const pressed = await Promise.all(others.map(press));
      const went = pressed.reduce((all, one) => all + one, 0);
      await eventually(() => runs).toBe(went + 1);
      await failing.settled(id);
      const { history = [], error } = (await failing.app.failed.show(id)) ?? {};
      expect([...history, { error }].map((each) => each.error?.message)).toEqual(
        [...Array(went + 1).keys()].map((run) => `run ${run + 1}`),
      );
    }
  });

  test('of a filter takes each once, though they fail again at once', async () => {
    const failing = await Failing.open(stage, ['default', 'mail']);
    let runs = 0;
    const failingTask = failing.app.task('again.fails', (_x: number) => {
      runs += 1;
      throw new Error('again');
    });
    const other = failing.app.task('another.fails', () => failing.maybe(1), { queue: 'mail' });
    await other.delay();
    await Promise.all([...Array(300).keys()].map((x) => failingTask.delay(x)));
    await failing.kept(301);
    expect(await failing.app.failed.retry({ task: 'again.*' })).toEqual({
      retried: 300,
      damaged: 0,
    });
    await eventually(() => runs).toBe(600);
    const kept = await failing.kept(300, { task: 'again.*' });
    expect(kept.every(({ history }) => history.length === 1)).toBe(true);
    expect(await failing.app.failed.retry({ task: 'again.*', limit: 10 })).toMatchObject({
      retried: 10,
    });
    await eventually(() => runs).toBe(610);
    expect(await failing.list({ queue: 'mail' })).toMatchObject([{ history: [] }]);
  });

  test('keeps twenty failures in the history', async () => {
    const failing = await Failing.open(stage);
    let run = 0;
    const task = failing.app.task('again', () => {
      run += 1;
      throw new Error(`failure ${run} ${'x'.repeat(5_000)}`);
    });
    const id = await failing.fail(() => task.delay());
    for (let time = 0; time < 22; time += 1) {
      expect(await failing.app.failed.retry(id)).toBe(true);
      await eventually(() => run).toBe(time + 2);
      await failing.settled(id);
    }
    const { history = [] } = (await failing.app.failed.show(id)) ?? {};
    expect(history.map(({ error }) => error.message.slice(0, 10).trim())).toEqual(
      [...Array(20).keys()].map((index) => `failure ${index + 3}`),
    );
    // It travels to the worker with the job.
    const { hist = '' } = await failing.job(id);
    expect(hist.length).toBeLessThan(70_000);
  });

  test('runs a task that had expired since, and one of a priority', async () => {
    const failing = await Failing.open(stage);
    const task = failing.app.task('urgent', (x: string) => failing.maybe(x));
    const expiring = await failing.fail(() => task.applyAsync(['in time'], { expires: '1s' }));
    const late = await failing.fail(() => task.applyAsync(['last'], { priority: 9 }));
    const { data = '{}' } = await failing.job(expiring);
    const { expires } = JSON.parse(data) as { expires: number };
    await eventually(() => Date.now() > expires).toBe(true);
    failing.broken = false;
    expect(await failing.app.failed.retry({})).toEqual({ retried: 2, damaged: 0 });
    expect(await failing.app.result(expiring).get(soon)).toBe('in time');
    expect(await failing.app.result(late).get(soon)).toBe('last');
  });

  test('gives a task that a worker did not know to one that does', async () => {
    const failing = await Failing.open(stage);
    const call = failing.app.sendTask<number>('new.task', [20]);
    expect(await rejection(call.get(soon))).toMatchObject({ code: 'UNKNOWN_TASK' });
    await failing.settled(call.id);
    failing.app.task('new.task', (x: number) => x + 1);
    expect(await failing.app.failed.retry({ error: 'UnknownTaskError' })).toMatchObject({
      retried: 1,
    });
    expect(await failing.app.result(call.id).get(soon)).toBe(21);
  });

  test('forgets the crashes and the marks that earlier runs left', async () => {
    const failing = await Failing.open(stage);
    const task = failing.app.task('crashing', () => failing.maybe('alive'));
    const id = await failing.fail(() => task.delay());
    await stage.redis.hset(messageKey(failing.app, 'default', id), { stc: 11, rv: '{}', adm: 1 });
    expect(await failing.app.failed.show(id)).toMatchObject({ crashes: 11 });
    failing.broken = false;
    expect(await failing.app.failed.retry(id)).toBe(true);
    // With eleven deaths it would have been given up.
    expect(await failing.app.result(id).get(soon)).toBe('alive');
  });
});

describe('a damaged job among the failed', () => {
  test('is listed and shown as damaged, stays when all are retried, and can be dropped', async () => {
    const failing = await Failing.open(stage);
    const task = failing.app.task('fine', () => failing.maybe('fine'));
    const fine = await failing.fail(() => task.delay());
    const key = (id: string): string => messageKey(failing.app, 'default', id);
    const { redis } = stage;
    await redis.hset(key('cut'), {
      name: 'mail.send',
      data: '{"v":1,"args":[',
      timestamp: 'never',
    });
    await redis.hset(key('foreign'), { name: 'x', data: '{"to":"ann"}', err: '{{', hist: '[7]' });
    await redis.hset(key('stacks'), { name: 'x', data: '7', stacktrace: '{', opts: '\u0000' });
    await redis.set(key('text'), 'not a hash');
    const damaged = ['gone', 'cut', 'foreign', 'stacks', 'text'];
    for (const [index, id] of damaged.entries()) await redis.zadd(key('failed'), index + 1, id);
    const listed = await failing.list();
    expect(listed.map(({ id }) => id)).toEqual([fine, ...damaged.toReversed()]);
    expect(listed.slice(1).map(({ damaged: why }) => why)).toEqual([
      expect.stringContaining('WRONGTYPE'),
      expect.stringContaining('not an object'),
      expect.stringContaining('not a dtask message'),
      expect.stringContaining('not JSON'),
      'its job is gone',
    ]);
    expect(await failing.list({ task: 'mail.*' })).toMatchObject([{ id: 'cut' }]);
    expect(await rejection(failing.app.failed.retry('cut'))).toBeInstanceOf(MessageRejectedError);
    failing.broken = false;
    expect(await failing.app.failed.retry({})).toEqual({ retried: 1, damaged: 5 });
    expect(await failing.app.result(fine).get(soon)).toBe('fine');
    expect(await failing.app.failed.drop('gone')).toBe(true);
    expect(await failing.app.failed.drop({})).toBe(4);
    expect(await redis.exists(...damaged.map(key), key('failed'))).toBe(0);
  });
});

describe('drop', () => {
  test('removes what it is told to, and leaves what goes back meanwhile', async () => {
    const failing = await Failing.open(stage);
    const gate = new Gate();
    const task = failing.app.task('dropped', async (x: number) => {
      if (!failing.broken) await gate.passed;
      return failing.maybe(x);
    });
    const ids: string[] = [];
    for (const x of [1, 2, 3]) ids.push(await failing.fail(() => task.delay(x)));
    const [first = '', second = '', third = ''] = ids;
    expect(await failing.app.failed.drop(first)).toBe(true);
    expect(await failing.app.failed.drop(first)).toBe(false);
    expect(await failing.job(first)).toEqual({});
    failing.broken = false;
    expect(await failing.app.failed.retry(second)).toBe(true);
    expect(await failing.app.failed.drop({})).toBe(1);
    expect(await failing.app.failed.drop(second)).toBe(false);
    gate.open();
    expect(await failing.app.result(second).get(soon)).toBe(2);
    expect(await rejection(failing.app.result(third).get(soon))).toMatchObject({
      errorName: 'TypeError',
    });
  });
});

describe('many failed tasks', () => {
  /** Puts failed jobs into a queue as BullMQ keeps them, three in each millisecond. */
  async function plant(failing: Failing, count: number): Promise<void> {
    const { redis } = stage;
    const pipeline = redis.pipeline();
    for (let index = 0; index < count; index += 1) {
      const id = `f${String(index).padStart(5, '0')}`;
      const at = 1_700_000_000_000 + Math.floor(index / 3);
      pipeline.hset(messageKey(failing.app, 'default', id), {
        name: index % 2 === 0 ? 'even' : 'odd',
        data: '{"v":1,"args":[]}',
        opts: '{}',
        timestamp: at,
        finishedOn: at,
        failedReason: 'Error: no',
        atm: 1,
      });
      pipeline.zadd(messageKey(failing.app, 'default', 'failed'), at, id);
    }
    pipeline.sadd(`${failing.app.config.prefix}:queues`, 'default');
    await pipeline.exec();
  }

  test('are listed each once, and those that are not asked for are not read', async () => {
    const failing = await Failing.open(stage, ['elsewhere']);
    await plant(failing, 3_000);
    const all = await failing.list();
    expect(all.map(({ id }) => id)).toEqual(
      [...Array(3_000).keys()].map((index) => `f${String(2_999 - index).padStart(5, '0')}`),
    );
    const read = async (): Promise<number> => {
      const stats = await stage.redis.info('commandstats');
      return Number(/cmdstat_hgetall:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await read();
    expect(await failing.list({ limit: 20 })).toHaveLength(20);
    expect((await read()) - before).toBe(20);
    expect(await failing.list({ task: 'odd' })).toHaveLength(1_500);
  });

  test('go back all, each once, by two who retry at once', async () => {
    const failing = await Failing.open(stage, ['elsewhere']);
    await plant(failing, 1_000);
    const counts = await Promise.all([failing.app.failed.retry({}), failing.app.failed.retry({})]);
    expect(counts.reduce((sum, { retried }) => sum + retried, 0)).toBe(1_000);
    expect(await failing.app.queues.counts('default')).toMatchObject({ waiting: 1_000, failed: 0 });
  });
});

describe('the settings of a worker', () => {
  test('say how many failed tasks are kept, and for how long', async () => {
    const app = stage.app();
    const task = app.task('fails', (_x: number) => {
      throw new Error('no');
    });
    const worker = await stage.worker(app, { keepFailed: 2, keepFailedFor: '1h' });
    for (let x = 0; x < 4; x += 1) await rejection(task.delay(x).get(soon));
    await eventually(() => app.failed.count()).toBe(2);
    const kept: unknown[] = [];
    for await (const { args } of app.failed.list()) kept.push(args);
    expect(kept).toEqual([[3], [2]]);
    await worker.stop();
    const key = messageKey(app, 'default', 'failed');
    for (const id of await stage.redis.zrange(key, 0, -1)) await stage.redis.zadd(key, 1, id);
    await stage.worker(app, { keepFailed: 10, keepFailedFor: '1h' });
    await rejection(task.delay(4).get(soon));
    // The two were too old.
    await eventually(() => app.failed.count()).toBe(1);
  });

  test('may say that none is kept', async () => {
    const app = stage.app();
    const task = app.task('fails', () => {
      throw new Error('no');
    });
    await stage.worker(app, { keepFailed: 0 });
    const call = task.delay();
    await rejection(call.get(soon));
    await eventually(() => app.queues.counts('default')).toMatchObject({ active: 0, failed: 0 });
    expect(await app.failed.show(call.id)).toBeUndefined();
  });
});
