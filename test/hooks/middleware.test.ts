/** Middleware: code around the sending of calls and the running of tasks. */
import {
  type App,
  type CallOptions,
  chain,
  currentTask,
  type Middleware,
  type Publication,
  type TaskContext,
} from 'dtask';
import { describe, expect, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { stage } from '../behaviour/own-stage.js';
import { messageKey } from '../behaviour/stage.js';
import { rejection } from '../support/until.js';

const soon = { timeout: '10s' } as const;

/** Middleware that writes down when it is entered and left. */
const noting = (heard: string[], name: string): Middleware => ({
  name,
  async publish(call, next) {
    heard.push(`${name} publishes ${call.name}`);
    await next();
    heard.push(`${name} has published`);
  },
  async run(_context, next) {
    heard.push(`${name} enters`);
    const value = await next();
    heard.push(`${name} leaves`);
    return value;
  },
});

/** The message that waits under an id. */
async function waiting(app: App, queue: string, id: string): Promise<Record<string, unknown>> {
  const [data, priority, delay] = await stage.redis.hmget(
    messageKey(app, queue, id),
    'data',
    'priority',
    'delay',
  );
  return { ...(JSON.parse(data ?? '{}') as object), priority, delay };
}

describe('the first that is registered', () => {
  test('is the outermost, around sending and around running', async () => {
    const app = stage.app();
    const heard: string[] = [];
    app.use(noting(heard, 'a')).use(noting(heard, 'b'));
    app.on('beforePublish', () => void heard.push('before'));
    app.on('afterPublish', () => void heard.push('after'));
    app.on('taskPrerun', () => void heard.push('prerun'));
    app.on('taskSuccess', () => void heard.push('success'));
    const work = app.task('work', () => {
      heard.push('run');
      return 5;
    });
    const result = await work.delay();
    expect(heard).toEqual([
      'a publishes work',
      'b publishes work',
      'before',
      'after',
      'b has published',
      'a has published',
    ]);
    heard.length = 0;
    await stage.worker(app);
    expect(await result.get(soon)).toBe(5);
    await eventually(() => heard).toEqual([
      'prerun',
      'a enters',
      'b enters',
      'run',
      'b leaves',
      'a leaves',
      'success',
    ]);
  });
});

describe('publish', () => {
  test('may change the headers, the arguments, the queue and the times of a call', async () => {
    const app = stage.app();
    app.use({
      publish(call, next) {
        call.headers['tenant'] = 'x';
        call.args = [...call.args, 'more'];
        call.queue = 'other';
        call.priority = 4;
        call.countdown = '1m';
        call.expires = new Date(9_999_999_999_999);
        return next();
      },
    });
    const result = await app.sendTask('work', ['one'], { headers: { own: 1 } });
    const message = await waiting(app, 'other', result.id);
    expect(message).toMatchObject({
      args: ['one', 'more'],
      headers: { own: 1, tenant: 'x' },
      expires: 9_999_999_999_999,
      priority: '4',
      delay: '60000',
    });
    expect(await result.state()).toBe('PENDING');
    expect(await result.revoke()).toBe(true);
  });

  test('may leave all as it is: the message is what it would have been', async () => {
    const plain = stage.app();
    const app = stage.app();
    app.use({ publish: (_call, next) => next() });
    const options: CallOptions = {
      id: 'same',
      headers: { a: new Date(5) },
      countdown: '1m',
      expires: new Date(9_999_999_999_999),
      priority: 2,
      resultExpires: '1h',
    };
    const [a, b] = await Promise.all(
      [plain, app].map(async (one) => {
        await one.sendTask('work', [new Map([[1, 2]])], options);
        const { eta, reply, ...rest } = await waiting(one, 'default', 'same');
        return [rest, typeof eta, typeof reply];
      }),
    );
    expect(b).toEqual(a);
  });

  test('sees each step of a canvas when its turn has come, in the worker that sends it', async () => {
    const app = stage.app();
    const seen: [string, string | undefined, unknown][] = [];
    app.use({
      publish(call, next) {
        seen.push([call.name, call.parentId, call.headers['trace']]);
        call.headers['trace'] ??= 'begun';
        return next();
      },
    });
    const headers = (): unknown => currentTask().headers;
    const first = app.task('first', headers);
    const second = app.task('second', (_before: unknown) => headers());
    await stage.worker(app);
    const result = await chain(first.s(), second.s()).delay();
    expect(await result.get(soon)).toEqual({ trace: 'begun' });
    expect(seen).toEqual([
      ['first', undefined, undefined],
      ['second', result.parent?.id, undefined],
    ]);
  });

  test('that throws rejects the call, and nothing is sent', async () => {
    const app = stage.app();
    const refusal = new Error('not now');
    app.use({
      publish() {
        throw refusal;
      },
    });
    expect(await rejection(app.sendTask('work'))).toBe(refusal);
    expect(await rejection(app.sendTask('work').get(soon))).toBe(refusal);
    expect(await app.queues.names()).toEqual([]);
  });

  test.each<[string, Middleware, string]>([
    ['does not call next', { name: 'shy', publish: () => 0 }, 'middleware shy did not call next()'],
    [
      'calls next twice',
      {
        async publish(_call, next) {
          await next();
          await next();
        },
      },
      'a middleware called next() more than once',
    ],
    [
      'gives a queue that is none',
      {
        publish(call, next) {
          call.queue = 'two words';
          return next();
        },
      },
      'queue must be made of letters',
    ],
  ])('that %s rejects the call', async (_what, middleware, message) => {
    const app = stage.app();
    app.use(middleware);
    const error = await rejection(app.sendTask('work'));
    expect(error).toMatchObject({ code: 'CONFIG' });
    expect(error.message).toContain(message);
  });

  test('that does not wait for next, or swallows its failure, hides neither', async () => {
    const app = stage.app({ maxPayload: 200 });
    app.use({
      publish(_call: Publication, next: () => Promise<void>) {
        next().catch(() => undefined);
      },
    });
    const result = await app.sendTask('work', ['short']);
    expect(await waiting(app, 'default', result.id)).toMatchObject({ args: ['short'] });
    const error = await rejection(app.sendTask('work', ['x'.repeat(500)]));
    expect(error).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  });

  test('knows unique calls: who is second gets the first', async () => {
    const app = stage.app();
    app.use({ publish: (_call, next) => next() });
    const first = await app.sendTask('work', [1], { unique: true });
    expect((await app.sendTask('work', [1], { unique: true })).id).toBe(first.id);
  });

  test('cannot move a call to a broadcast queue, for who waits would wait for ever', async () => {
    const app = stage.app({ broadcast: ['all'] });
    app.use({
      publish(call, next) {
        call.queue = 'all';
        return next();
      },
    });
    const error = await rejection(app.sendTask('work'));
    expect(error.message).toContain('from queue default to all, and one of them is a broadcast');
  });
});

describe('run', () => {
  test('gives the task its value: what it returns, else what next gave', async () => {
    const app = stage.app();
    const work = app.task('work', (x: number) => x + 1);
    app.use({ name: 'quiet', run: async (_context, next) => void (await next()) });
    app.use({ name: 'careless', run: (_context, next) => void next() });
    app.use({ name: 'doubling', run: async (_context, next) => ((await next()) as number) * 2 });
    await stage.worker(app);
    expect(await work.delay(1).get(soon)).toBe(4);
    expect(await work.apply([1]).get()).toBe(4);
  });

  test('may answer in place of the task, and recover from its failure', async () => {
    const app = stage.app();
    let ran = 0;
    const work = app.task('work', (what: string): string => {
      ran += 1;
      if (what === 'fail') throw new Error('no');
      return what;
    });
    app.use({
      async run({ args }, next) {
        if (args[0] === 'known') return 'cached';
        try {
          return await next();
        } catch {
          return 'recovered';
        }
      },
    });
    await stage.worker(app);
    expect(await work.delay('known').get(soon)).toBe('cached');
    expect(ran).toBe(0);
    expect(await work.delay('fail').get(soon)).toBe('recovered');
  });

  test('that throws has the task fail with its error, and retry as the task does', async () => {
    const app = stage.app();
    const attempts: number[] = [];
    app.use({
      run({ retries }: TaskContext, next) {
        attempts.push(retries);
        if (retries < 2) throw new TypeError('not ready');
        return next();
      },
    });
    const patient = app.task('patient', () => 'done', { maxRetries: 2, retryDelay: 1 });
    const plain = app.task('plain', () => 'done');
    await stage.worker(app);
    expect(await patient.delay().get(soon)).toBe('done');
    expect(attempts).toEqual([0, 1, 2]);
    const error = await rejection(plain.delay().get(soon));
    expect(error).toMatchObject({ errorName: 'TypeError', message: 'not ready' });
    expect(await rejection(plain.apply([]).get())).toMatchObject({ errorName: 'TypeError' });
  });

  test('that calls next twice fails the task', async () => {
    const app = stage.app();
    app.use({
      name: 'twice',
      async run(_context, next) {
        await next();
        return next();
      },
    });
    const work = app.task('work', () => 0);
    const error = await rejection(work.apply([]).get());
    expect(error.message).toBe('middleware twice called next() more than once');
  });

  test('runs as the task: currentTask() is known to it', async () => {
    const app = stage.app();
    const ids: string[] = [];
    app.use({
      run(context, next) {
        ids.push(currentTask().id, context.id);
        return next();
      },
    });
    const work = app.task('work', () => currentTask().id);
    await stage.worker(app);
    const id = await work.delay().get(soon);
    expect(ids).toEqual([id, id]);
  });

  test('is around the steps of a canvas that apply() runs', async () => {
    const app = stage.app();
    const names: string[] = [];
    app.use({
      run({ name }, next) {
        names.push(name);
        return next();
      },
    });
    const one = app.task('one', () => 1);
    const add = app.task('add', (x: number, y: number) => x + y);
    expect(await chain(one.s(), add.s(2)).apply().get()).toBe(3);
    expect(names).toEqual(['one', 'add']);
  });
});

test.each([
  [5, 'app.use() takes an object with publish(call, next), run(context, next) or both, got 5'],
  [{}, 'a middleware needs a publish(call, next) or a run(context, next)'],
  [{ name: 'm', run: 5 }, 'middleware m: run must be a function, got 5'],
  [{ runs: () => 0 }, 'a middleware has no option "runs"; did you mean run?'],
])('what is no middleware is refused: %j', (middleware, message) => {
  expect(() => stage.app().use(middleware as Middleware)).toThrowError(message);
});

test('an instance of a class is middleware, with its own state', async () => {
  class Counter implements Middleware {
    readonly name = 'counter';
    runs = 0;
    async run(_context: TaskContext, next: () => Promise<unknown>): Promise<unknown> {
      this.runs += 1;
      return next();
    }
  }
  const app = stage.app();
  const counter = new Counter();
  app.use(counter);
  await app
    .task('work', () => 0)
    .apply([])
    .get();
  expect(counter.runs).toBe(1);
});
