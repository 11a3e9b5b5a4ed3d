/** The options of a call: when it runs, in which order, under which id, and what is kept of it. */
import { currentTask, TaskRevokedError } from 'dtask';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { stage } from './own-stage.js';
import { rejection } from './rejection.js';
import { app } from './served-app.js';
import { messageKey, resultKey } from './stage.js';

const soon = { timeout: '10s' } as const;
/** No worker of this file takes from it. */
const idle = { queue: 'idle' } as const;

describe('countdown and eta', () => {
  test('hold a call back: it is PENDING until its time, and no worker has it before', async () => {
    const clock = app.task('clock', () => Date.now());
    const sent = Date.now();
    const result = await clock.applyAsync([], { countdown: '2s' });
    expect(await result.state()).toBe('PENDING');
    expect(await result.get(soon)).toBeGreaterThanOrEqual(sent + 2_000);
  });

  test('an eta holds a call back until that moment', async () => {
    const clock = app.task('clock.eta', () => Date.now());
    const eta = new Date(Date.now() + 300);
    expect(await clock.applyAsync([], { eta }).get(soon)).toBeGreaterThanOrEqual(eta.getTime());
  });

  test('an eta in the past runs at once', async () => {
    const early = app.task('clock.past', () => 'ran');
    expect(await early.applyAsync([], { eta: new Date(0) }).get(soon)).toBe('ran');
  });

  test('of a task hold for its calls, and a call may differ', async () => {
    const slow = app.task('slow.by.default', () => 'ran', { countdown: '1h' });
    const result = await slow.delay();
    expect(await result.state()).toBe('PENDING');
    expect(await app.queues.counts('default')).toMatchObject({ delayed: 1 });
    expect(await slow.applyAsync([], { countdown: 0 }).get(soon)).toBe('ran');
    expect(await result.revoke()).toBe(true);
  });

  test('cannot be given both', async () => {
    const task = app.task('both', () => 1);
    const error = await rejection(task.applyAsync([], { countdown: '1s', eta: new Date() }));
    expect(error.message).toBe('a call takes countdown or eta, not both');
  });
});

describe('expires', () => {
  test.each([
    ['a date', { expires: new Date(Date.now() - 1_000) }],
    ['a span', { expires: 1, countdown: 100 }],
  ] as const)(
    'given as %s ends a call that is late as REVOKED, and it never runs',
    async (kind, options) => {
      let ran = false;
      const late = app.task(`late.${kind.replace(' ', '.')}`, () => {
        ran = true;
      });
      const result = await late.applyAsync([], options);
      const error = await rejection(result.get(soon));
      expect(error).toBeInstanceOf(TaskRevokedError);
      expect(error.message).toMatch(/was revoked: expired/);
      expect(await result.state()).toBe('REVOKED');
      expect(await result.ready()).toBe(true);
      expect(await result.failed()).toBe(false);
      expect(await result.successful()).toBe(false);
      expect(ran).toBe(false);
    },
  );

  test('does nothing to a call that starts in time', async () => {
    const timely = app.task('timely', () => currentTask().expires?.getTime());
    const expires = new Date(Date.now() + 60_000);
    expect(await timely.applyAsync([], { expires }).get(soon)).toBe(expires.getTime());
  });
});

describe('priority', () => {
  test('0 is first and 9 is last; calls of one priority keep their order', async () => {
    const own = stage.app();
    const order: string[] = [];
    const note = own.task('note', (label: string) => void order.push(label));
    const sent = [];
    for (const [label, priority] of [
      ['nine', 9],
      ['five', 5],
      ['zero a', 0],
      ['one', 1],
      ['none given', undefined],
      ['five again', 5],
    ] as const) {
      sent.push(await note.applyAsync([label], priority === undefined ? {} : { priority }));
    }
    await stage.worker(own, { concurrency: 1 });
    await Promise.all(sent.map((result) => result.get(soon)));
    expect(order).toEqual(['zero a', 'none given', 'one', 'five', 'five again', 'nine']);
  });
});

describe('queue', () => {
  test('of a task is where its calls go, and a call may choose another', async () => {
    const own = stage.app();
    const where = own.task('where', () => currentTask().queue, { queue: 'mail' });
    await stage.worker(own);
    expect(await where.delay().get(soon)).toBe('mail');
    expect(await where.applyAsync([], { queue: 'default' }).get(soon)).toBe('default');
    expect(await own.queues.names()).toEqual(['default', 'mail']);
  });

  test('that no worker takes from keeps its calls', async () => {
    const task = app.task('kept', () => 1);
    const result = await task.applyAsync([], { queue: 'lonely' });
    expect(await app.queues.counts('lonely')).toMatchObject({ waiting: 1, active: 0 });
    expect(await result.state()).toBe('PENDING');
  });
});

describe('id', () => {
  test('is the id of the task, the result and the message', async () => {
    const own = app.task('own.id', () => currentTask().id);
    const sent = own.applyAsync([], { id: 'order-17' });
    expect(sent.id).toBe('order-17');
    expect(await sent.get(soon)).toBe('order-17');
  });

  test('given twice while the first call waits sends it once, and both get its result', async () => {
    const own = stage.app();
    let runs = 0;
    const pay = own.task('pay', () => (runs += 1));
    const first = await pay.applyAsync([], { id: 'invoice-3' });
    const second = await pay.applyAsync([], { id: 'invoice-3' });
    expect(await own.queues.counts('default')).toMatchObject({ waiting: 1 });
    await stage.worker(own);
    expect(await Promise.all([first.get(soon), second.get(soon)])).toEqual([1, 1]);
    expect(runs).toBe(1);
  });

  test('is a random one where none is given', () => {
    const task = app.task('random.id', () => 1, idle);
    const ids = new Set([task.delay().id, task.delay().id]);
    expect(ids.size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each([
    ['empty', ''],
    ['two words', 'a b'],
    ['with a colon', 'a:b'],
    ['a whole number', '42'],
    ['256 characters long', 'x'.repeat(256)],
  ])('cannot be %s', async (_what, id) => {
    const error = await rejection(app.sendTask('any', [], { id, ...idle }));
    expect(error.message).toMatch(/^id must be 1 to 255 characters, not a whole number/);
  });
});

test.each(['wait', 'meta', 'active', 'id', 'delayed', 'events'])(
  'an id cannot be %s, which names a key of the queue itself',
  async (id) => {
    const error = await rejection(app.sendTask('any', [], { id, ...idle }));
    expect(error.message).toMatch(/^id must not be "\w+", which names a key of the queue/);
  },
);

describe('headers', () => {
  test('reach the task, those of the call above those of the task', async () => {
    const read = app.task('headers.read', () => currentTask().headers, {
      headers: { tenant: 'none', region: 'eu' },
    });
    const headers = { tenant: 'acme', since: new Date(0) };
    expect(await read.applyAsync([], { headers }).get(soon)).toEqual({
      tenant: 'acme',
      region: 'eu',
      since: new Date(0),
    });
  });

  test('are kept across retries', async () => {
    const seen: unknown[] = [];
    const stubborn = app.task(
      'headers.retried',
      () => {
        seen.push(currentTask().headers['x-test']);
        if (currentTask().retries < 2) throw new Error('again');
      },
      { maxRetries: 2, retryDelay: 1 },
    );
    await stubborn.applyAsync([], { headers: { 'x-test': 'value' } }).get(soon);
    expect(seen).toEqual(['value', 'value', 'value']);
  });
});

describe('ignoreResult', () => {
  test('has get() give undefined at once, even while the task waits', async () => {
    const task = app.task('ignored.waiting', () => 'value', idle);
    const result = await task.applyAsync([], { ignoreResult: true });
    expect(await app.queues.counts('idle')).not.toMatchObject({ waiting: 0 });
    expect(await result.get({ timeout: '2s' })).toBeUndefined();
  });

  test.each(['succeeds', 'fails'])('stores nothing of a task that %s', async (end) => {
    const task = app.task(`ignored.${end}`, () => {
      if (end === 'fails') throw new Error('lost');
      return 'value';
    });
    const result = await task.applyAsync([], { ignoreResult: true });
    const message = messageKey(app, 'default', result.id);
    const done = end === 'fails' ? 'finishedOn' : 'timestamp';
    await eventually(() => stage.redis.hexists(message, done)).toBe(end === 'fails' ? 1 : 0);
    expect(await stage.redis.exists(resultKey(app, result.id))).toBe(0);
  });
});

describe('resultExpires', () => {
  test('is how long the result is kept: of the call, else the task, else the App', async () => {
    const own = stage.app({ resultExpires: '1h' });
    await stage.worker(own);
    const hourly = own.task('kept.an.hour', () => 1);
    const daily = own.task('kept.two.hours', () => 1, { resultExpires: '2h' });
    const kept = async (result: { id: string; get(): Promise<unknown> }): Promise<number> => {
      await result.get();
      return stage.redis.pttl(resultKey(own, result.id));
    };
    expectWithin(await kept(hourly.delay()), 3_600_000);
    expectWithin(await kept(daily.delay()), 7_200_000);
    expectWithin(await kept(daily.applyAsync([], { resultExpires: '3h' })), 10_800_000);
    expect(await kept(daily.applyAsync([], { resultExpires: 0 }))).toBe(-1);
  });

  test('over, the result is gone and its id is unknown', async () => {
    const brief = app.task('kept.briefly', () => 'value', { resultExpires: 150 });
    const result = await brief.delay();
    expect(await result.get(soon)).toBe('value');
    await eventually(() => result.state()).toBe('UNKNOWN');
    expect(await result.exists()).toBe(false);
  });
});

/** What is left of a span of which a few seconds may have gone. */
function expectWithin(left: number, span: number): void {
  expect(left).toBeLessThanOrEqual(span);
  expect(left).toBeGreaterThan(span - 60_000);
}

describe('retry options', () => {
  test('of a call stand above those of its task', async () => {
    let runs = 0;
    const failing = app.task('retried.by.call', () => {
      runs += 1;
      throw new Error('no');
    });
    const options = { maxRetries: 2, retryDelay: 1, retryJitter: false } as const;
    await rejection(failing.applyAsync([], options).get(soon));
    expect(runs).toBe(3);
  });

  test('of a call may switch retries off', async () => {
    let runs = 0;
    const failing = app.task(
      'retried.by.task',
      () => {
        runs += 1;
        throw new Error('no');
      },
      { maxRetries: 5, retryDelay: 1 },
    );
    await rejection(failing.applyAsync([], { maxRetries: 0 }).get(soon));
    expect(runs).toBe(1);
  });
});

describe('an option that no call has', () => {
  test.each([
    [{ contdown: '1s' }, 'a call has no option "contdown"; did you mean countdown?'],
    [{ retryFor: [Error] }, /^a call has no option "retryFor"; it takes queue, priority/],
    [{ priority: 1.5 }, /^priority must be a whole number from 0 \(first\) to 9 \(last\), got 1.5/],
    [{ eta: new Date(Number.NaN) }, /^eta must be a valid Date/],
    [{ headers: ['x'] }, /^headers must be an object/],
    [{ ignoreResult: 'yes' }, /^ignoreResult must be true or false, got "yes"/],
  ])('is refused, and nothing is sent: %j', async (options, message) => {
    const own = stage.app();
    const task = own.task('refused', () => 1);
    const error = await rejection<Error & { code: string }>(task.applyAsync([], options as object));
    expect(error.code).toBe('CONFIG');
    expect(error.message).toMatch(message);
    expect(await own.queues.names()).toEqual([]);
  });
});

describe('sendTask', () => {
  test('calls a task by its name, without its code', async () => {
    app.task('by.name', (x: number, y: number) => x * y);
    const producer = stage.app({ prefix: app.config.prefix });
    expect(await producer.sendTask<number>('by.name', [6, 7]).get(soon)).toBe(42);
    expect(producer.tasks.names()).toEqual([]);
  });

  test('takes the options of a call', async () => {
    app.task('by.name.later', () => currentTask().headers);
    const options = { countdown: 20, headers: { from: 'cli' }, id: 'named-1' };
    const sent = app.sendTask('by.name.later', [], options);
    expect(sent.id).toBe('named-1');
    expect(await sent.get(soon)).toEqual({ from: 'cli' });
  });

  test('refuses arguments that are not an array', async () => {
    const wrong = 'x' as unknown as unknown[];
    expect((await rejection(app.sendTask('by.name', wrong))).message).toBe(
      'sendTask takes the arguments as an array, got "x"',
    );
  });
});
