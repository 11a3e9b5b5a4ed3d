/** Broadcast queues: each live worker that takes from one runs every message once. */
import { setTimeout as pause } from 'node:timers/promises';
import { App, chain, currentTask, group, type AppOptions, type FailedTask } from 'dtask';
import type { WorkerOptions } from 'dtask/worker';
import { describe, expect, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { setStage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

const soon = { timeout: '10s' } as const;
/** How long a worker's claims hold without being renewed, in milliseconds. */
const hold = 10_000;

/** An App with a broadcast queue, and workers that note what they hear. */
async function cast(
  workers: readonly string[],
  options: AppOptions = {},
  settings: WorkerOptions = {},
) {
  const heard: string[] = [];
  const rig = { broken: true, gate: new Gate() };
  const prefix = `b${Math.random().toString(36).slice(2)}`;
  const make = (): App => {
    const app = stage.app({ prefix, broadcast: ['announce'], ...options });
    app.task(
      'tell',
      (what: string) => {
        const { worker, queue } = currentTask();
        heard.push(`${worker} ${what} ${queue}`);
        return what;
      },
      { queue: 'announce' },
    );
    app.task(
      'shaky',
      (what: string) => {
        if (rig.broken) throw new TypeError(`no ${what}`);
        heard.push(`${currentTask().worker} ${what}`);
      },
      { queue: 'announce' },
    );
    app.task('hold', async () => {
      heard.push(`${currentTask().worker} holds`);
      await rig.gate.passed;
    });
    app.task('all.tell', () => void heard.push(`${currentTask().worker} all`));
    app.task('add', (x: number, y: number) => x + y);
    return app;
  };
  const app = make();
  const started = [];
  for (const name of workers) started.push(await stage.worker(make(), { name, ...settings }));
  const tell = (what: string) => app.sendTask('tell', [what], { queue: 'announce' });
  /** What is kept in Redis for one worker alone. */
  const own = (worker: string): Promise<string[]> =>
    stage.redis.keys(`${prefix}:{announce=${worker.replace(':', '=')}}:*`);
  /** The failed tasks of a queue, of so many when they are there. */
  const failed = async (count: number, queue = 'announce'): Promise<FailedTask[]> => {
    await eventually(() => app.failed.count({ queue })).toBe(count);
    const tasks = [];
    for await (const task of app.failed.list({ queue })) tasks.push(task);
    return tasks;
  };
  return { app, prefix, heard, started, tell, own, rig, failed };
}

test('every live worker runs a message once, and says that it came from the queue', async () => {
  const { heard, tell } = await cast(['a@host', 'b', 'c:1']);
  for (let at = 0; at < 10; at += 1) await tell(`m${at}`);
  const all = ['a@host', 'b', 'c:1'].flatMap((worker) =>
    Array.from({ length: 10 }, (_, at) => `${worker} m${at} announce`),
  );
  await eventually(() => heard.toSorted()).toEqual(all.toSorted());
});

test('there is no result: get() gives undefined at once', async () => {
  const { app, heard, tell } = await cast(['w']);
  const result = await tell('x');
  expect(await result.get(soon)).toBeUndefined();
  await eventually(() => heard).toHaveLength(1);
  expect(await stage.redis.exists(`${app.config.prefix}:r:${result.id}`)).toBe(0);
});

test('who sends under an id twice before it has run sends once', async () => {
  const { app, heard } = await cast(['w']);
  const options = { queue: 'announce', id: 'once', countdown: 300 };
  await app.sendTask('tell', ['x'], options);
  await app.sendTask('tell', ['x'], options);
  await app.sendTask('tell', ['last'], { queue: 'announce', countdown: 400 });
  await eventually(() => heard.at(-1)).toContain('last');
  expect(heard).toHaveLength(2);
});

test('with no worker there, a message goes nowhere, as in Celery', async () => {
  const { app, tell, heard, prefix } = await cast([]);
  await tell('unheard');
  const late = stage.app({ prefix, broadcast: ['announce'] });
  late.task('tell', (what: string) => void heard.push(what), { queue: 'announce' });
  await stage.worker(late, { name: 'late' });
  await tell('heard');
  await eventually(() => heard).toEqual(['heard']);
  expect(await app.queues.counts('announce')).toMatchObject({ waiting: 0 });
});

test('other queues are shared as ever, and a worker hears only what it takes from', async () => {
  const { app, heard, tell, prefix } = await cast(['w']);
  const other = stage.app({ prefix, broadcast: ['announce'] });
  other.task('tell', () => void heard.push('never'), { queue: 'announce' });
  const without = await stage.worker(other, { name: 'without', excludeQueues: ['announce'] });
  expect(without.queues).toEqual(['default']);
  expect(await app.sendTask<number>('add', [1, 2]).get(soon)).toBe(3);
  await tell('x');
  await eventually(() => heard).toEqual(['w x announce']);
});

test('a worker that has stopped gets nothing, and leaves nothing behind', async () => {
  const { heard, tell, own, started } = await cast(['stays', 'goes']);
  await tell('one');
  await eventually(() => heard).toHaveLength(2);
  await started[1]?.stop();
  await tell('two');
  await eventually(() => heard.at(-1)).toBe('stays two announce');
  expect(heard).toHaveLength(3);
  expect(await own('goes')).toEqual([]);
});

test('what a dead worker leaves behind is removed by a live one, and its name forgotten', async () => {
  const { heard, tell, own, prefix } = await cast(['live']);
  const listeners = `${prefix}:b:announce`;
  await stage.redis.zadd(listeners, Date.now() + 60_000, 'ghost:7');
  await tell('x');
  await eventually(() => heard).toHaveLength(1);
  expect(await own('ghost:7')).not.toEqual([]);
  await stage.redis.zadd(listeners, Date.now() - 120_000, 'ghost:7');
  await until('the ghost is gone', async () => (await own('ghost:7')).length === 0);
  await eventually(() => stage.redis.zrange(listeners, '0', '-1')).toEqual(['live']);
  await tell('y');
  await eventually(() => heard).toHaveLength(2);
});

test('a worker that was killed misses what was said until it is back under its name', async () => {
  const { app, trace, environment, redis } = withEnvironment();
  const sender = new App('caller', {
    broker: stage.engine.url,
    prefix: app.config.prefix,
    broadcast: ['announce'],
  });
  const setup = { app: 'faults/broadcast.ts', env: environment };
  const stays = await startWorker({ ...setup, flags: ['-n', 'stays'] });
  const killed = await startWorker({ ...setup, flags: ['-n', 'killed'] });
  const clear = (mark: string) => sender.sendTask('cache.clear', [mark], { queue: 'announce' });
  await clear('one');
  await Promise.all([trace.started('one-stays'), trace.started('one-killed')]);
  await killed.kill();
  await clear('two');
  await trace.started('two-stays');
  await startWorker({ ...setup, flags: ['-n', 'killed'] });
  await clear('three');
  await Promise.all([trace.started('three-stays'), trace.started('three-killed')]);
  expect(trace.starts('two-killed')).toEqual([]);
  expect(stays.hasEnded).toBe(false);
  expect(await redis.smembers(`${app.config.prefix}:queues`)).not.toContainEqual(
    expect.stringContaining('='),
  );
  await sender.close();
});

test('a worker whose event loop is blocked for longer than its claims hold misses nothing', async () => {
  const { app, trace, environment } = withEnvironment();
  const sender = new App('sender', {
    broker: app.config.broker,
    prefix: app.config.prefix,
    broadcast: ['announce'],
  });
  await startWorker({ app: 'faults/broadcast.ts', env: environment, flags: ['-n', 'busy'] });
  await sender.sendTask('stand', ['stands', 13_000]);
  await trace.started('stands');
  await pause(hold + 1_500);
  expect(await sender.inspect.live()).toEqual(['busy']);
  await sender.sendTask('cache.clear', ['meanwhile'], { queue: 'announce' });
  await trace.started('meanwhile-busy');
  await sender.close();
});

describe('what has failed', () => {
  const shaky = { queue: 'announce' } as const;

  test('is listed for each worker, and retried on those on which it has', async () => {
    const { app, heard, rig, failed } = await cast(['a:1', 'b']);
    const { id } = await app.sendTask('shaky', ['ink'], shaky);
    const [one, other] = await failed(2);
    expect(new Set([one?.worker, other?.worker])).toEqual(new Set(['a:1', 'b']));
    for (const task of [one, other])
      expect(task).toMatchObject({ id, task: 'shaky', queue: 'announce', args: ['ink'] });
    expect(await app.failed.count()).toBe(2);
    expect(await app.failed.show(id)).toEqual(one);
    expect(await app.queues.counts('announce')).toMatchObject({ failed: 2 });
    rig.broken = false;
    expect(await app.failed.retry(id)).toBe(true);
    await eventually(() => heard.toSorted()).toEqual(['a:1 ink', 'b ink']);
    expect(await app.failed.count()).toBe(0);
    expect(await app.failed.retry(id)).toBe(false);
  });

  test('is retried and dropped by filters', async () => {
    const { app, heard, rig, failed } = await cast(['a', 'b']);
    const { id } = await app.sendTask('shaky', ['ink'], shaky);
    await app.sendTask('shaky', ['paper'], shaky);
    await failed(4);
    expect(await app.failed.drop(id)).toBe(true);
    rig.broken = false;
    expect(await app.failed.retry({ error: 'paper', limit: 1 })).toEqual({
      retried: 1,
      damaged: 0,
    });
    await eventually(() => heard).toEqual([expect.stringMatching(/^[ab] paper$/)]);
    expect(await app.failed.drop({})).toBe(1);
    expect(await app.failed.count()).toBe(0);
  });

  test('on a worker that is gone can be shown and dropped, and no worker retries it', async () => {
    const { app, redis, environment } = withEnvironment();
    const { broker, prefix } = app.config;
    await using sender = new App('sender', { broker, prefix, broadcast: ['announce'] });
    const setup = { app: 'faults/broadcast.ts', env: environment };
    const worker = await startWorker({ ...setup, flags: ['-n', 'doomed'] });
    const { id } = await sender.sendTask('unheard.of', ['x'], shaky);
    await eventually(() => sender.failed.count()).toBe(1);
    await worker.kill();
    await redis.zadd(`${prefix}:b:announce`, Date.now() - 1, 'doomed');
    expect(await sender.failed.show(id)).toMatchObject({
      args: ['x'],
      damaged: expect.stringContaining('for a worker that is gone'),
    });
    const error = await rejection(sender.failed.retry(id));
    expect(error).toMatchObject({ code: 'MESSAGE_REJECTED' });
    expect(await sender.failed.retry({})).toEqual({ retried: 0, damaged: 1 });
    expect(await sender.failed.drop(id)).toBe(true);
    expect(await sender.failed.count()).toBe(0);
  });
});

describe('what waits on single workers', () => {
  /** Two workers that are busy. */
  async function busy() {
    const made = await cast(['a', 'b'], {}, { concurrency: 1 });
    const { app, heard, tell } = made;
    await app.sendTask('hold', [], { queue: 'announce' });
    await eventually(() => heard.toSorted()).toEqual(['a holds', 'b holds']);
    const later = { queue: 'announce', countdown: '1h' } as const;
    const counts = () => app.queues.counts('announce');
    return {
      ...made,
      counts,
      waiting: await tell('waits'),
      delayed: await app.sendTask('tell', ['delayed'], later),
    };
  }

  test('is counted, each for itself, and shown by the worker that it waits for', async () => {
    const { app, started, rig, counts, delayed } = await busy();
    expect(await counts()).toEqual({ waiting: 2, delayed: 2, active: 2, failed: 0 });
    expect(await app.queues.names()).toEqual(['announce', 'default']);
    expect(await app.queues.counts('announce=a')).toMatchObject({ waiting: 1, delayed: 1 });
    const request = { id: delayed.id, name: 'tell', queue: 'announce' };
    expect(await app.inspect.scheduled()).toMatchObject({ a: [{ request }], b: [{ request }] });
    expect(await started[0]?.metrics()).toContain(
      'dtask_queue_tasks{queue="announce",state="waiting"} 1',
    );
    rig.gate.open();
  });

  test('is purged', async () => {
    const { app, heard, rig, counts } = await busy();
    expect(await app.queues.purge('announce')).toBe(4);
    expect(await counts()).toEqual({ waiting: 0, delayed: 0, active: 2, failed: 0 });
    rig.gate.open();
    await eventually(async () => (await counts()).active).toBe(0);
    expect(heard).toHaveLength(2);
  });

  test('is revoked on all of them: by its result, and by its id', async () => {
    const { app, heard, rig, counts, waiting, delayed } = await busy();
    expect(await waiting.revoke()).toBe(true);
    expect(await app.result(delayed.id).revoke()).toBe(true);
    expect(await waiting.revoke()).toBe(false);
    expect(await counts()).toMatchObject({ waiting: 0, delayed: 0 });
    const { id } = await app.sendTask('tell', ['more'], { queue: 'announce' });
    expect(await app.control.revoke(id)).toMatchObject({ removed: 2, running: 0 });
    rig.gate.open();
    await eventually(async () => (await counts()).active).toBe(0);
    expect(heard).toHaveLength(2);
  });

  test('is revoked where it waits and where it runs, at once', async () => {
    const { app, heard, rig, started } = await cast(['a', 'b'], {}, { concurrency: 1 });
    await app.sendTask('hold', [], { queue: 'announce' });
    await eventually(() => heard).toHaveLength(2);
    started[1]?.resize(2);
    const second = await app.sendTask('hold', [], { queue: 'announce' });
    await eventually(() => heard).toHaveLength(3);
    expect(await app.control.revoke(second.id)).toMatchObject({
      removed: 1,
      running: 1,
      workers: { b: { ok: expect.stringContaining(second.id) } },
    });
    rig.gate.open();
  });
});

/** A stage on this file's engine. */
function withEnvironment() {
  const made = setStage(stage.engine.url);
  const { app, trace, redis } = made;
  return { app, trace, redis, environment: made.environment() };
}

describe('routed', () => {
  test('by name, a task that names no queue is broadcast', async () => {
    const { heard, app } = await cast(['v', 'w'], { routes: { 'all.*': 'announce' } });
    expect(await app.sendTask('all.tell').get(soon)).toBeUndefined();
    await eventually(() => heard.toSorted()).toEqual(['v all', 'w all']);
  });
});

describe('what cannot be broadcast', () => {
  test('is a unique call', async () => {
    const { app } = await cast([]);
    const error = await rejection(app.sendTask('tell', ['x'], { queue: 'announce', unique: true }));
    expect(error).toMatchObject({ code: 'CONFIG' });
    expect(error.message).toContain('to announce, a broadcast queue, as a unique one');
  });

  test('is a step that something follows', async () => {
    const { app } = await cast([]);
    const tell = app.signature('tell', ['x'], { queue: 'announce' });
    const error = await rejection(chain(tell, app.signature('add', [1])).delay());
    expect(error.message).toContain('what follows it would run once for each worker');
  });

  test('but a group of steps that nothing follows can, and gives nothing', async () => {
    const { app, heard } = await cast(['v', 'w']);
    const tell = (what: string) => app.signature('tell', [what], { queue: 'announce' });
    expect(await group(tell('x'), tell('y')).delay().get(soon)).toEqual([undefined, undefined]);
    await eventually(() => heard).toHaveLength(4);
  });
});

test.each([['announce'], [['two words']], [[5]]])(
  'a list of broadcast queues that is none is refused: %j',
  (broadcast) => {
    expect(() => new App('bad', { broadcast: broadcast as string[] })).toThrowError(
      expect.objectContaining({
        code: 'CONFIG',
        message: expect.stringContaining('broadcast must'),
      }),
    );
  },
);

test('a worker that was started without a broadcast queue says that it cannot listen later', async () => {
  const { app } = await cast(['deaf'], {}, { queues: ['default'] });
  expect(await app.control.addConsumer('announce', { timeout: '60s' })).toEqual({
    deaf: {
      error: expect.stringContaining('announce is broadcast: a worker hears it from its start'),
    },
  });
});
