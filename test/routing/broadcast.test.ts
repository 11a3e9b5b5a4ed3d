/** Broadcast queues: each live worker that takes from one runs every message once. */
import { setTimeout as pause } from 'node:timers/promises';
import { App, chain, currentTask, group, type AppOptions } from 'dtask';
import { describe, expect, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { stage } from '../behaviour/own-stage.js';
import { setStage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

const soon = { timeout: '10s' } as const;
/** How long a worker's claims hold without being renewed, in milliseconds. */
const hold = 10_000;

/** An App with a broadcast queue, and workers that note what they hear. */
async function cast(workers: readonly string[], options: AppOptions = {}) {
  const heard: string[] = [];
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
    app.task('all.tell', () => void heard.push(`${currentTask().worker} all`));
    app.task('add', (x: number, y: number) => x + y);
    return app;
  };
  const app = make();
  const started = [];
  for (const name of workers) started.push(await stage.worker(make(), { name }));
  const tell = (what: string) => app.sendTask('tell', [what], { queue: 'announce' });
  /** What is kept in Redis for one worker alone. */
  const own = (worker: string): Promise<string[]> =>
    stage.redis.keys(`${prefix}:{announce=${worker.replace(':', '=')}}:*`);
  return { app, prefix, heard, started, tell, own };
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
