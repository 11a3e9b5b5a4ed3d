/** Hooks: what an App and its tasks hear of, where, and in which order. */
import {
  type App,
  chain,
  currentTask,
  type HookName,
  Ignore,
  Reject,
  type TaskContext,
  type TaskHooks,
} from 'dtask';
import { Worker } from 'dtask/worker';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { messageKey, resultKey } from '../behaviour/stage.js';

const soon = { timeout: '10s' } as const;
const taskEvents = [
  'beforePublish',
  'afterPublish',
  'taskReceived',
  'taskPrerun',
  'taskSuccess',
  'taskFailure',
  'taskRetry',
  'taskPostrun',
  'taskRevoked',
  'taskRejected',
  'taskUnknown',
] as const satisfies readonly HookName[];

/** Writes down what an App hears, one word for each. */
function listen(app: App, heard: string[], names: readonly HookName[] = taskEvents): void {
  for (const name of names)
    app.on(name, (payload) => {
      const { state } = payload as { state?: string };
      heard.push(state === undefined ? name : `${name}:${state}`);
    });
}

/** The hooks of a task, which write themselves down. */
const noting = (heard: string[]): TaskHooks => ({
  onStart: () => void heard.push('onStart'),
  onSuccess: (value) => void heard.push(`onSuccess:${String(value)}`),
  onFailure: (error) => void heard.push(`onFailure:${(error as Error).message}`),
  onRetry: (error) => void heard.push(`onRetry:${(error as Error).message}`),
  onRevoked: ({ reason }) => void heard.push(`onRevoked:${reason}`),
  afterReturn: ({ state }) => void heard.push(`afterReturn:${state}`),
});

class Again extends Error {}

/** A task that ends as its argument says. */
function cast(how: 'sync' | 'async' = 'sync') {
  const app = stage.app();
  const heard: string[] = [];
  const end = (what: string): string => {
    heard.push('run');
    const { retries } = currentTask();
    if (what === 'fail') throw new Error('no');
    if (what === 'retry' && retries === 0) throw new Again('again');
    if (what === 'ignore') throw new Ignore();
    if (what === 'reject') throw new Reject('bad');
    if (what === 'requeue' && heard.filter((one) => one === 'run').length === 1)
      throw new Reject('later', { requeue: true });
    return what;
  };
  const work = app.task(
    'work',
    how === 'sync' ? end : async (what: string): Promise<string> => end(what),
    {
      hooks: noting(heard),
      retryFor: [Again],
      retryDelay: 1,
    },
  );
  listen(app, heard);
  return { app, heard, work };
}

const sent = ['beforePublish', 'afterPublish'];
const started = ['taskReceived', 'taskPrerun', 'onStart', 'run'];

describe.each(['sync', 'async'] as const)('a task whose function is %s', (how) => {
  test.each([
    ['pass', ['onSuccess:pass', 'taskSuccess', 'afterReturn:SUCCESS', 'taskPostrun:SUCCESS']],
    ['fail', ['onFailure:no', 'taskFailure', 'afterReturn:FAILURE', 'taskPostrun:FAILURE']],
    ['ignore', ['taskPostrun:IGNORED']],
    [
      'reject',
      [
        'onFailure:bad',
        'taskFailure',
        'taskRejected',
        'afterReturn:FAILURE',
        'taskPostrun:FAILURE',
      ],
    ],
    [
      'retry',
      [
        'onRetry:again',
        'taskRetry',
        'taskPostrun:RETRY',
        ...started,
        'onSuccess:retry',
        'taskSuccess',
        'afterReturn:SUCCESS',
        'taskPostrun:SUCCESS',
      ],
    ],
    [
      'requeue',
      [
        'taskRejected',
        'taskPostrun:REJECTED',
        ...started,
        'onSuccess:requeue',
        'taskSuccess',
        'afterReturn:SUCCESS',
        'taskPostrun:SUCCESS',
      ],
    ],
  ])("and ends by '%s' is told of in Celery's order", async (what, ending) => {
    const { app, heard, work } = cast(how);
    const result = await work.delay(what);
    await eventually(() => heard).toEqual(sent);
    await stage.worker(app);
    await result.get({ ...soon, propagate: false });
    await eventually(() => heard).toEqual([...sent, ...started, ...ending]);
  });

  test('is told of by apply() as well, but for what queues have to do with', async () => {
    const { heard, work } = cast(how);
    expect(await work.apply(['retry']).get()).toBe('retry');
    expect(heard).toEqual([
      'taskPrerun',
      'onStart',
      'run',
      'onRetry:again',
      'taskRetry',
      'taskPostrun:RETRY',
      'taskPrerun',
      'onStart',
      'run',
      'onSuccess:retry',
      'taskSuccess',
      'afterReturn:SUCCESS',
      'taskPostrun:SUCCESS',
    ]);
  });
});

describe('hooks of the end', () => {
  test('run when the result is there, and when what follows was sent', async () => {
    const app = stage.app();
    const seen: unknown[] = [];
    const next = app.task('next', (x: number) => x, { queue: 'later' });
    const work = app.task('work', () => 5, {
      hooks: {
        onSuccess: async (value, { id }) => {
          const record = await stage.redis.get(resultKey(app, id));
          seen.push(value, JSON.parse(record ?? '{}'));
        },
        afterReturn: async () => {
          const { waiting } = await app.queues.counts('later');
          seen.push(waiting);
        },
      },
    });
    await stage.worker(app, { queues: ['default'] });
    await chain(work.s(), next.s()).delay();
    await eventually(() => seen).toEqual([
      5,
      expect.objectContaining({ state: 'SUCCESS', value: 5 }),
      1,
    ]);
  });

  test('say FAILURE where the value cannot travel', async () => {
    const app = stage.app();
    const heard: string[] = [];
    const work = app.task('work', () => () => 'a function', { hooks: noting(heard) });
    await stage.worker(app);
    const error = await work.delay().get({ ...soon, propagate: false });
    await eventually(() => heard).toHaveLength(3);
    expect(heard[1]).toContain('onFailure:');
    expect(heard[2]).toBe('afterReturn:FAILURE');
    expect(error).toBeInstanceOf(Error);
    heard.length = 0;
    await work.apply([]).get({ propagate: false });
    expect(heard.map((one) => one.split(':')[0])).toEqual(['onStart', 'onFailure', 'afterReturn']);
  });

  test('see the task as the running one, with its context', async () => {
    const app = stage.app();
    const seen: TaskContext[] = [];
    const look = (context: TaskContext): void => {
      expect(currentTask()).toBe(context);
      seen.push(context);
    };
    const hooks: TaskHooks = { onStart: look, onSuccess: (_value, context) => look(context) };
    const work = app.task('work', () => 0, { hooks });
    app.on('taskPrerun', ({ context }) => look(context));
    await stage.worker(app, { name: 'looker' });
    const { id } = await work.applyAsync([], { headers: { a: 1 } });
    await eventually(() => seen).toHaveLength(3);
    for (const context of seen)
      expect(context).toMatchObject({ id, name: 'work', worker: 'looker', headers: { a: 1 } });
  });
});

describe('prerun', () => {
  test('is waited for: the task starts behind it', async () => {
    const app = stage.app();
    const gate = new Gate();
    const heard: string[] = [];
    app.on('taskPrerun', async () => {
      heard.push('asked');
      await gate.passed;
      heard.push('passed');
    });
    const work = app.task('work', () => void heard.push('run'));
    await stage.worker(app);
    const result = await work.delay();
    await eventually(() => heard).toEqual(['asked']);
    gate.open();
    await result.get(soon);
    expect(heard).toEqual(['asked', 'passed', 'run']);
  });
});

describe('a handler that throws', () => {
  test('is logged, and the task and the handlers behind it know nothing of it', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    onTestFinished(() => logged.mockRestore());
    const app = stage.app();
    const heard: string[] = [];
    const broken = (): never => {
      throw new Error('broken');
    };
    for (const name of taskEvents) app.on(name, broken);
    app.on('taskPostrun', async () => Promise.reject(new Error('late')));
    listen(app, heard);
    const hooks = { onStart: broken, onSuccess: broken, afterReturn: broken };
    const work = app.task('work', () => 7, { hooks });
    expect(await work.apply([]).get()).toBe(7);
    expect(logged).toHaveBeenCalledWith('the hook onStart threw:', new Error('broken'));
    expect(logged).toHaveBeenCalledWith('the hook taskPostrun threw:', new Error('late'));
    await stage.worker(app);
    expect(await work.delay().get(soon)).toBe(7);
    await eventually(() => heard.at(-1)).toBe('taskPostrun:SUCCESS');
  });
});

describe('what a worker cannot run', () => {
  test('is told of: a task that it does not have, and a message that it cannot read', async () => {
    const app = stage.app();
    const told: unknown[] = [];
    app.on('taskUnknown', (payload) => told.push(payload));
    app.on('taskRejected', (payload) => told.push(payload));
    await app.sendTask('nowhere', [1], { id: 'u' });
    await stage.redis
      .multi()
      .hset(messageKey(app, 'default', 'odd'), { name: 'x', data: '{"v":99}', opts: '{}' })
      .hset(messageKey(app, 'default', 'odd'), { timestamp: '1' })
      .lpush(messageKey(app, 'default', 'wait'), 'odd')
      .exec();
    await stage.worker(app, { name: 'w', concurrency: 1 });
    await eventually(() => told).toHaveLength(2);
    const at = { queue: 'default', worker: 'w', retries: 0 };
    expect(told).toContainEqual(
      expect.objectContaining({
        ...at,
        id: 'u',
        name: 'nowhere',
        args: [1],
        error: expect.objectContaining({ code: 'UNKNOWN_TASK' }),
      }),
    );
    expect(told).toContainEqual(
      expect.objectContaining({
        ...at,
        id: 'odd',
        requeue: false,
        error: expect.objectContaining({ code: 'MESSAGE_REJECTED' }),
      }),
    );
  });
});

describe('a revoked task', () => {
  test('is told of where it is taken out of its queue', async () => {
    const { heard, work } = cast();
    const result = await work.delay('pass');
    await result.revoke();
    await eventually(() => heard).toEqual([...sent, 'onRevoked:revoked', 'taskRevoked']);
  });

  test('is told of by the worker that finds it expired', async () => {
    const { app, heard, work } = cast();
    await work.applyAsync(['pass'], { expires: new Date(Date.now() - 1) });
    await stage.worker(app);
    await eventually(() => heard.slice(2)).toEqual([
      'taskReceived',
      'onRevoked:expired',
      'taskRevoked',
    ]);
  });
});

describe('a worker', () => {
  test('tells when it begins, takes tasks, is told to stop, and has stopped', async () => {
    const app = stage.app();
    const heard: string[] = [];
    const gate = new Gate();
    app.on('workerInit', async ({ name }) => {
      await Promise.resolve();
      heard.push(`init ${name}`);
    });
    app.on('workerProcessInit', ({ pool, pid }) => {
      heard.push(`process ${pool} ${pid === process.pid}`);
    });
    app.on('workerReady', ({ queues, concurrency }) => {
      heard.push(`ready ${queues.join()} ${concurrency}`);
    });
    app.on('workerShuttingDown', ({ force }) => void heard.push(`shutting down ${force}`));
    app.on('workerProcessShutdown', () => void heard.push('process ends'));
    app.on('workerShutdown', () => void heard.push('shut down'));
    const hold = app.task('hold', async () => {
      heard.push('run');
      await gate.passed;
      heard.push('end');
    });
    const worker = new Worker(app, { name: 'n', concurrency: 3, logLevel: 'silent' });
    expect(heard).toEqual([]);
    await worker.start();
    expect(heard).toEqual(['init n', 'process inline true', 'ready default 3']);
    await hold.delay();
    await eventually(() => heard.at(-1)).toBe('run');
    const stopped = worker.stop();
    expect(heard.at(-1)).toBe('shutting down false');
    gate.open();
    await stopped;
    await worker.stop();
    expect(heard.slice(3)).toEqual([
      'run',
      'shutting down false',
      'end',
      'process ends',
      'shut down',
    ]);
  });
});

describe('on()', () => {
  test('calls handlers in order, each when the one before is done, until it is taken back', async () => {
    const app = stage.app();
    const heard: string[] = [];
    const work = app.task('work', () => 0);
    const note = (): void => void heard.push('first');
    const off = app.on('taskSuccess', note);
    app.on('taskSuccess', note);
    app.on('taskSuccess', async () => {
      await Promise.resolve();
      heard.push('second');
    });
    app.on('taskSuccess', () => void heard.push('third'));
    await work.apply([]).get();
    expect(heard).toEqual(['first', 'first', 'second', 'third']);
    off();
    off();
    heard.length = 0;
    await work.apply([]).get();
    expect(heard).toEqual(['first', 'second', 'third']);
  });

  test('refuses a hook that there is not, and a handler that is none', () => {
    const app = stage.app();
    expect(() => app.on('taskSucess' as 'taskSuccess', () => 0)).toThrowError(
      'app.on() has no option "taskSucess"; did you mean taskSuccess?',
    );
    expect(() => app.on('taskSuccess', 5 as never)).toThrowError(
      'app.on("taskSuccess") takes a function, got 5',
    );
  });
});

test('hooks of a task that are none are refused', () => {
  const app = stage.app();
  const declare = (hooks: unknown) => () =>
    app.task('x', () => 0, { hooks: hooks as TaskHooks<number> });
  expect(declare({ onSucces: () => 0 })).toThrowError(
    'the hooks of task x has no option "onSucces"; did you mean onSuccess?',
  );
  expect(declare({ onStart: 5 })).toThrowError('task x: hooks.onStart must be a function, got 5');
  expect(declare(5)).toThrowError('task x: hooks must be an object of functions, got 5');
});
