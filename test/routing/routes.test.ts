/** Routes: which queue a call goes to that names none, and who takes from it. */
import { App, chain, currentTask, group, type RouteMap, type Router } from 'dtask';
import { Worker } from 'dtask/worker';
import { describe, expect, test } from 'vitest';
import { stage } from '../behaviour/own-stage.js';
import { messageKey } from '../behaviour/stage.js';
import { rejection } from '../support/until.js';

const soon = { timeout: '10s' } as const;

/** The queue that a call of a task by this name goes to. */
async function queueOf(routes: RouteMap, name: string, args: unknown[] = []): Promise<string> {
  const app = stage.app({ routes });
  const { id } = await app.sendTask(name, args);
  const names = await app.queues.names();
  const found = await Promise.all(
    names.map(async (queue) => (await stage.redis.exists(messageKey(app, queue, id))) === 1),
  );
  return names.filter((_, at) => found[at]).join();
}

describe('a route by name', () => {
  test('goes to its queue; a task without a route to the default one', async () => {
    expect(await queueOf({ 'mail.send': 'mail' }, 'mail.send')).toBe('mail');
    expect(await queueOf({ 'mail.send': { queue: 'mail' } }, 'mail.send')).toBe('mail');
    expect(await queueOf({ 'mail.send': 'mail' }, 'mail.sendAll')).toBe('default');
  });

  test('takes a glob, in which a star is any run of characters and a question mark any one', async () => {
    const routes = { 'image.*': 'images', 'v?.run': 'versions', '*': 'rest' };
    expect(await queueOf(routes, 'image.scale.half')).toBe('images');
    expect(await queueOf(routes, 'v2.run')).toBe('versions');
    expect(await queueOf(routes, 'v22.run')).toBe('rest');
    expect(await queueOf({ 'a.b': 'x' }, 'aXb')).toBe('default');
  });

  test('is taken before the globs of its table, which go in order', async () => {
    const routes = { 'image.*': 'images', 'image.icon': 'icons', 'image.i*': 'never' };
    expect(await queueOf(routes, 'image.icon')).toBe('icons');
    expect(await queueOf(routes, 'image.info')).toBe('images');
  });
});

describe('a list of routes', () => {
  test('takes names, globs and regular expressions in pairs, tables and functions; the first that matches decides', async () => {
    const slow: Router = (name) => (name.endsWith('.slow') ? 'slow' : undefined);
    const routes: RouteMap = [
      ['exact', 'one'],
      [/^mail\.(send|fetch)$/, 'mail'],
      slow,
      { 'mail.*': 'rest' },
      ['*.never', 'never'],
    ];
    expect(await queueOf(routes, 'exact')).toBe('one');
    expect(await queueOf(routes, 'mail.fetch')).toBe('mail');
    expect(await queueOf(routes, 'mail.slow')).toBe('slow');
    expect(await queueOf(routes, 'mail.never')).toBe('rest');
    expect(await queueOf(routes, 'x.never')).toBe('never');
    expect(await queueOf(routes, 'other')).toBe('default');
  });

  test('has no memory of the call before, whatever the flags of a regular expression', async () => {
    const app = stage.app({ routes: [[/mail/g, 'mail']] });
    for (let at = 0; at < 4; at += 1) await app.sendTask('mail', []);
    expect((await app.queues.counts('mail')).waiting).toBe(4);
  });
});

describe('a function', () => {
  test('gets the name, the arguments and the options, and gives a queue or options', async () => {
    const seen: unknown[] = [];
    const app = stage.app({
      routes: (name, args, options) => {
        seen.push([name, args, options]);
        return { queue: `region-${String(args[0])}`, priority: 4 };
      },
    });
    const load = app.task('load', (region: string) => region, { expires: '1h' });
    const { id } = await load.applyAsync(['eu'], { headers: { a: 1 }, countdown: '2s' });
    expect(seen).toEqual([
      ['load', ['eu'], { expires: 3_600_000, headers: { a: 1 }, countdown: 2_000 }],
    ]);
    expect(await stage.redis.hget(messageKey(app, 'region-eu', id), 'priority')).toBe('4');
  });

  test('that throws rejects the call, with the cause', async () => {
    const cause = new Error('no region');
    const app = stage.app({
      routes: function byRegion(): string {
        throw cause;
      },
    });
    const error = await rejection(app.sendTask('load', []));
    expect(error).toMatchObject({ code: 'CONFIG', cause });
    expect(error.message).toBe('routes (byRegion) threw for task load: no region');
    expect(await app.queues.names()).toEqual([]);
  });

  test.each([
    [() => 'no spaces', 'routes gave for task load: queue must be made of letters'],
    [() => 5, 'routes gave for task load must be the name of a queue or an object'],
    [() => ({ que: 'a' }), 'has no option "que"; did you mean queue?'],
    [() => Promise.resolve('a'), 'routes must not be async: it gave a promise for task load'],
  ])('that gives what is no route rejects the call: %s', async (routes, message) => {
    const app = stage.app({ routes: routes as unknown as Router });
    const error = await rejection(app.sendTask('load', []));
    expect(error).toMatchObject({ code: 'CONFIG' });
    expect(error.message).toContain(message);
  });
});

describe('precedence', () => {
  test('is call, task, route, default queue, option by option', async () => {
    const app = stage.app({
      defaultQueue: 'fallback',
      routes: { '*': { queue: 'routed', priority: 3, headers: { from: 'route', route: 1 } } },
    });
    const placed = app.task('placed', () => 0, { queue: 'own', headers: { from: 'task' } });
    const free = app.task('free', () => 0);
    const read = async (queue: string, id: string): Promise<unknown> => {
      const [data, priority] = await stage.redis.hmget(
        messageKey(app, queue, id),
        'data',
        'priority',
      );
      return [(JSON.parse(data ?? '{}') as { headers: unknown }).headers, priority];
    };
    const byCall = await placed.applyAsync([], { queue: 'said', priority: 1, headers: { b: 2 } });
    expect(await read('said', byCall.id)).toEqual([{ from: 'task', route: 1, b: 2 }, '1']);
    const byTask = await placed.delay();
    expect(await read('own', byTask.id)).toEqual([{ from: 'task', route: 1 }, '3']);
    const byRoute = await free.delay();
    expect(await read('routed', byRoute.id)).toEqual([{ from: 'route', route: 1 }, '3']);
    const without = stage.app({ defaultQueue: 'fallback' });
    await without.sendTask('free', []);
    expect((await without.queues.counts('fallback')).waiting).toBe(1);
  });

  test('lets the expiry of a task stand above that of its route, whatever their forms', async () => {
    const app = stage.app({ routes: { '*': { expires: '1h' } } });
    const at = new Date(Date.now() + 60_000);
    const dated = app.task('dated', () => 0, { expires: at });
    const { id } = await dated.delay();
    const data = await stage.redis.hget(messageKey(app, 'default', id), 'data');
    expect(JSON.parse(data ?? '')).toMatchObject({ expires: at.getTime() });
  });
});

describe('bad routes', () => {
  test.each<[unknown, string]>([
    ['mail', 'routes must be an object of names and globs, a function, or a list'],
    [null, 'got null'],
    [/a/, 'got the regular expression /a/'],
    [{ mail: 5 }, 'routes["mail"] must be the name of a queue or an object such as'],
    [{ mail: 'two words' }, 'routes["mail"]: queue must be made of letters'],
    [{ mail: { priority: 11 } }, 'routes["mail"]: priority must be a whole number from 0'],
    [{ mail: { queu: 'a' } }, 'routes["mail"] has no option "queu"; did you mean queue?'],
    [{ mail: { id: 'a' } }, 'routes["mail"] has no option "id"'],
    [[['mail']], 'routes[0] must be a pair of a name, glob or regular expression and a route'],
    [[{}, ['', 'mail']], 'routes[1] must be a pair'],
    [[5], 'routes[0] must be an object of names and globs'],
  ])('are refused when the App is made: %j', (routes, message) => {
    expect(() => new App('bad', { routes: routes as RouteMap })).toThrowError(
      expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining(message) }),
    );
  });
});

describe('routed tasks', () => {
  const where = (): string => currentTask().queue;

  test('run on a worker that was told no queue: it takes those of the routes of its tasks', async () => {
    const app = stage.app({
      routes: [
        { 'image.*': 'images', 'other.*': 'nobody' },
        (name, args) => {
          if (name === 'by.args') return `to-${(args[0] as string).toLowerCase()}`;
          return name === 'by.name' ? 'named' : undefined;
        },
      ],
    });
    const scale = app.task('image.scale', where);
    const named = app.task('by.name', where);
    app.task('by.args', (_to: string) => where());
    const worker = await stage.worker(app);
    expect([...worker.queues].sort()).toEqual(['default', 'images', 'named']);
    expect(await scale.delay().get(soon)).toBe('images');
    expect(await named.delay().get(soon)).toBe('named');
  });

  test('keep their queue over retries', async () => {
    const app = stage.app({ routes: { flaky: 'again' } });
    const seen: string[] = [];
    const flaky = app.task(
      'flaky',
      () => {
        seen.push(where());
        if (currentTask().retries < 2) throw new Error('not yet');
        return where();
      },
      { maxRetries: 3, retryDelay: 1 },
    );
    await stage.worker(app);
    expect(await flaky.delay().get(soon)).toBe('again');
    expect(seen).toEqual(['again', 'again', 'again']);
  });

  test('are routed as steps of a canvas too, and the items of a map where their task goes', async () => {
    const app = stage.app({ routes: { 'a.*': 'left', 'b.*': { queue: 'right' } } });
    const note = (seen: readonly string[] | string): string[] => [seen, where()].flat();
    const first = app.task('a.first', () => [where()]);
    const second = app.task('b.second', note);
    const sum = app.task('a.sum', (lists: string[][]) => [...lists.flat(), where()]);
    const each = app.task('b.each', (x: number) => `${where()}${x}`);
    await stage.worker(app);
    expect(await chain(first.s(), second.s()).delay().get(soon)).toEqual(['left', 'right']);
    const joined = chain(group(first.s(), chain(first.s(), second.s())), sum.s());
    expect(await joined.delay().get(soon)).toEqual(['left', 'left', 'right', 'left']);
    expect(await each.map([1, 2]).delay().get(soon)).toEqual(['right1', 'right2']);
  });

  test('that are steps obey what the step says before what the route says', async () => {
    const app = stage.app({ routes: { '*': 'routed' } });
    const tell = app.task('tell', where);
    const next = app.task('next', (before: string) => [before, where()]);
    await stage.worker(app, { queues: ['routed', 'said'] });
    const canvas = chain(tell.signature([], { queue: 'said' }), next.s());
    expect(await canvas.delay().get(soon)).toEqual(['said', 'routed']);
  });

  test('whose canvas comes from an App without routes go where the routes of the worker say', async () => {
    const app = stage.app({ routes: { '*': 'routed' } });
    app.task('tell', where);
    app.task('next', (before: string) => [before, where()]);
    await stage.worker(app, { queues: ['default', 'routed'] });
    const caller = stage.app({ prefix: app.config.prefix });
    const canvas = chain(caller.signature('tell'), caller.signature('next'));
    expect(await canvas.delay().get(soon)).toEqual(['default', 'routed']);
  });

  test('that are steps whose router throws are not sent', async () => {
    const app = stage.app({
      routes: (name) => {
        if (name === 'next') throw new Error('where to?');
        return undefined;
      },
    });
    const tell = app.task('tell', where);
    const next = app.task('next', (before: string) => before);
    const error = await rejection(chain(tell.s(), next.s()).delay());
    expect(error.message).toBe('routes threw for task next: where to?');
    expect((await app.queues.counts('default')).waiting).toBe(0);
  });
});

describe('excludeQueues', () => {
  test('leaves out queues of those that a worker would take from', async () => {
    const app = stage.app({ routes: { 'image.*': 'images' } });
    app.task('image.scale', () => 0);
    app.task('mail', () => 0, { queue: 'mail' });
    const worker = await stage.worker(app, { excludeQueues: ['images', 'absent'] });
    expect([...worker.queues].sort()).toEqual(['default', 'mail']);
    const named = new Worker(app, { queues: ['a', 'b'], excludeQueues: ['a'], logLevel: 'silent' });
    expect(named.queues).toEqual(['b']);
  });

  test('is refused where no queue is left', () => {
    const app = stage.app();
    expect(() => new Worker(app, { excludeQueues: ['default'] })).toThrowError(
      'the worker is left without a queue: it would take from default, and excludeQueues leaves out default',
    );
  });
});
