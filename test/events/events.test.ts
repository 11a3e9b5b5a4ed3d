/** What workers tell of tasks: in order, filtered, now and later, through what may happen to Redis. */
import { App, BrokerError, ConfigError, type DtaskEvent, group } from 'dtask';
import { describe, expect, it } from 'vitest';
import { here, hire as hireOn } from '../control/hire.js';
import { Engine, hasNative, needsNative } from '../support/engine.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { startWorker, type WorkerProcess } from '../support/worker-process.js';
import { Watch } from './watch.js';

const long = { timeout: '60s' } as const;
const soon = { timeout: '15s' } as const;

function fromStage(options: Parameters<typeof setStage>[1] = {}) {
  const stage = setStage(engine.url, options);
  const hire = (...flags: string[]): Promise<WorkerProcess> => hireOn(stage, ...flags);
  return { stage, hire, ...stage, app: stage.app, redis: stage.redis, trace: stage.trace };
}

describe('the events of a task', () => {
  it('come in the order in which things happen, with what they are about', async () => {
    const { app, hire } = fromStage();
    const watch = new Watch(app);
    const { pid } = await hire('-n', 'teller', '-E');
    const [well, badly, late, told, gone, replaced] = [
      await app.sendTask('echo', [{ deep: ['x'.repeat(500)] }]),
      await app.sendTask('fail', ['broken']),
      await app.sendTask('flaky'),
      await app.sendTask('steps', [2]),
      await app.sendTask('echo', [1], { expires: new Date(Date.now() - 1_000) }),
      await app.sendTask('replaced'),
    ];
    await Promise.all([
      watch.had(well.id, 'task-succeeded'),
      watch.had(badly.id, 'task-failed'),
      watch.had(late.id, 'task-succeeded'),
      watch.had(told.id, 'task-succeeded'),
      watch.had(gone.id, 'task-revoked'),
      watch.had(replaced.id, 'task-replaced'),
    ]);
    expect(watch.typesOf(well.id)).toEqual(['task-received', 'task-started', 'task-succeeded']);
    expect(watch.typesOf(badly.id)).toEqual(['task-received', 'task-started', 'task-failed']);
    expect(watch.typesOf(late.id)).toEqual([
      'task-received',
      'task-started',
      'task-retried',
      'task-received',
      'task-started',
      'task-succeeded',
    ]);
    expect(watch.typesOf(told.id)).toEqual([
      'task-received',
      'task-started',
      'task-progress',
      'task-progress',
      'task-succeeded',
    ]);
    expect(watch.typesOf(gone.id)).toEqual(['task-received', 'task-revoked']);
    const of = (id: string, type: string): DtaskEvent =>
      watch.events.find((event) => 'id' in event && event.id === id && event.type === type)!;
    expect(of(well.id, 'task-received')).toMatchObject({
      name: 'echo',
      worker: 'teller',
      queue: 'default',
      retries: 0,
      args: expect.stringMatching(/^\{deep: \["x{150,}…"/),
      at: expect.any(Date),
    });
    expect(of(well.id, 'task-succeeded')).toMatchObject({ runtime: expect.any(Number) });
    expect(of(badly.id, 'task-failed')).toMatchObject({
      error: 'TypeError: broken',
      stack: expect.stringContaining('app.ts'),
    });
    expect(of(late.id, 'task-retried')).toMatchObject({ error: 'TypeError: not yet', retries: 0 });
    expect(of(told.id, 'task-progress')).toMatchObject({ state: 'PROGRESS', details: '{step: 1}' });
    expect(of(gone.id, 'task-revoked')).toMatchObject({ reason: 'expired', expired: true });
    expect(watch.events[0]).toMatchObject({
      type: 'worker-online',
      worker: 'teller',
      pid,
      queues: ['default'],
      concurrency: 10,
    });
  });

  it('say what became of messages that nobody can run', async () => {
    const { stage, app, redis, hire } = fromStage();
    const watch = new Watch(app);
    await hire('-E');
    const unknown = await app.sendTask('unheard-of');
    const bad = await app.sendTask('echo', [1], { countdown: 700 });
    await redis.hset(stage.key(bad.id), 'data', '{broken');
    await Promise.all([watch.had(unknown.id, 'task-failed'), watch.had(bad.id, 'task-rejected')]);
    expect(watch.typesOf(bad.id)).toEqual(['task-rejected']);
  });

  it('include that the message was sent, where the App tells', async () => {
    const { app, hire } = fromStage({ sendEvents: true });
    const watch = new Watch(app, { types: ['task-sent'] });
    await hire();
    const echo = app.task('echo', (value: unknown) => value);
    const single = await app.sendTask('echo', ['single'], { queue: 'default', countdown: 100 });
    const several = await group(echo.s(1), echo.s(2)).delay();
    const ids = [single.id, ...several.results.map(({ id }) => id)];
    await until('all are told', () => watch.events.length >= 3);
    const told = watch.events.map((event) => ('id' in event ? event.id : ''));
    expect(told.sort()).toEqual(ids.sort());
    expect(watch.events.find((event) => 'id' in event && event.id === single.id)).toMatchObject({
      type: 'task-sent',
      app: 'caller',
      name: 'echo',
      queue: 'default',
      args: '"single"',
      eta: expect.any(Number),
    });
  });

  it('include that it was revoked while it waited, where the App that ends it tells', async () => {
    const { app } = fromStage({ sendEvents: true });
    const watch = new Watch(app, { types: ['task-revoked'] });
    const waiting = (tenant?: string) =>
      app.sendTask('echo', [1], { countdown: '1h', ...(tenant && { headers: { tenant } }) });
    const ended = await waiting();
    const named = await waiting();
    const ruled = await Promise.all([...Array(1_200).keys()].map(() => waiting('acme')));
    const packed = app.task('packed', (x: number) => x, { batch: true });
    const [call] = await Promise.all([packed.delay(1), packed.delay(2)]);
    await ended.revoke();
    await app.control.revoke(named.id, { reason: 'no longer wanted' });
    expect(await app.control.revokeByHeaders({ tenant: 'acme' })).toMatchObject({ removed: 1_200 });
    await call.revoke();
    const ids = [ended, named, ...ruled, call].map(({ id }) => id);
    await until('all are told', () => watch.events.length >= ids.length);
    expect(watch.events.map((event) => (event as { id?: string }).id ?? '').sort()).toEqual(
      ids.sort(),
    );
    const of = (id: string): unknown =>
      watch.events.find((event) => 'id' in event && event.id === id);
    const told = { type: 'task-revoked', app: 'caller', name: 'echo', at: expect.any(Date) };
    const how = { expired: false, terminated: false };
    const taken = 'it was taken out of its queue';
    expect(of(ended.id)).toEqual({ ...told, ...how, id: ended.id, reason: taken });
    expect(of(named.id)).toEqual({ ...told, ...how, id: named.id, reason: 'no longer wanted' });
    expect(await rejection(named.get(soon))).toMatchObject({
      message: expect.stringContaining('no longer wanted'),
    });
  });

  it('that it was revoked while it waited are not told by an App that tells nothing', async () => {
    const { app, redis, prefix } = fromStage();
    const waiting = await app.sendTask('echo', [1]);
    expect(await waiting.revoke()).toBe(true);
    await app.close();
    expect(await redis.exists(`${prefix}:events`)).toBe(0);
  });

  it('that an App has told are written when it is closed', async () => {
    const { app, prefix } = fromStage();
    const short = new App('short', { broker: engine.url, prefix, sendEvents: true });
    const { id } = await short.sendTask('echo', [1]);
    await short.close();
    const watch = new Watch(app);
    await watch.had(id, 'task-sent');
  });
});

describe('a worker', () => {
  it('tells nothing unless it is asked to, and stops when it is asked to', async () => {
    const { app, redis, prefix, hire } = fromStage();
    await hire('-n', 'quiet');
    await app.sendTask('echo', ['unheard']).get(soon);
    expect(await redis.exists(`${prefix}:events`)).toBe(0);
    expect(await app.control.enableEvents(long)).toEqual({ quiet: { ok: 'task events enabled' } });
    const watch = new Watch(app);
    const heard = await app.sendTask('echo', ['heard']);
    await watch.had(heard.id, 'task-succeeded');
    expect(await app.control.disableEvents(long)).toEqual({
      quiet: { ok: 'task events disabled' },
    });
    await watch.seen('it has gone', ({ type }) => type === 'worker-offline');
    const entries = await redis.xlen(`${prefix}:events`);
    await app.sendTask('echo', ['unheard']).get(soon);
    await app.inspect.ping(long);
    expect(await redis.xlen(`${prefix}:events`)).toBe(entries);
    expect(watch.events.some((event) => 'args' in event && event.args.includes('unheard'))).toBe(
      false,
    );
  });

  it('tells that it comes, lives and goes', async () => {
    const { app, hire } = fromStage();
    const watch = new Watch(app, {
      types: ['worker-online', 'worker-heartbeat', 'worker-offline'],
    });
    const worker = await hire('-n', 'mortal', '-E');
    await app.sendTask('echo', [1]).get(soon);
    const beat = await watch.seen(
      'a heartbeat after the task',
      (event) => event.type === 'worker-heartbeat' && event.processed === 1,
    );
    expect(beat).toMatchObject({
      worker: 'mortal',
      pid: worker.pid,
      every: 2_000,
      active: 0,
      loadavg: [expect.any(Number), expect.any(Number), expect.any(Number)],
    });
    const before = watch.events.length;
    expect(await app.control.heartbeat(long)).toEqual({ mortal: { ok: 'heartbeat sent' } });
    await until('it beats at once', () => watch.events.length > before);
    worker.signal('SIGTERM');
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    await watch.seen('it goes', ({ type }) => type === 'worker-offline');
    expect(watch.events[0]).toMatchObject({ type: 'worker-online' });
  });
});

describe('a reader', () => {
  it('gets the events that it asks for', async () => {
    const { app, hire } = fromStage();
    await Promise.all([hire('-n', 'one', '-E', '-Q', 'q1'), hire('-n', 'two', '-E', '-Q', 'q2')]);
    const all = new Watch(app);
    const failures = new Watch(app, { types: ['task-failed'] });
    const echoes = new Watch(app, { tasks: ['echo'] });
    const ofTwo = new Watch(app, { workers: ['two'], tasks: ['fail'] });
    const sent = [
      await app.sendTask('echo', [1], { queue: 'q1' }),
      await app.sendTask('echo', [2], { queue: 'q2' }),
      await app.sendTask('fail', ['1'], { queue: 'q1' }),
      await app.sendTask('fail', ['2'], { queue: 'q2' }),
    ];
    const [e1, e2, f1, f2] = sent.map(({ id }) => id) as [string, string, string, string];
    await Promise.all([
      all.had(e1, 'task-succeeded'),
      all.had(e2, 'task-succeeded'),
      failures.had(f1, 'task-failed'),
      failures.had(f2, 'task-failed'),
      echoes.had(e1, 'task-succeeded'),
      echoes.had(e2, 'task-succeeded'),
      ofTwo.had(f2, 'task-failed'),
    ]);
    expect(failures.events.map(({ type }) => type)).toEqual(['task-failed', 'task-failed']);
    expect(new Set(echoes.events.map((event) => 'name' in event && event.name))).toEqual(
      new Set(['echo']),
    );
    expect(ofTwo.events.map(({ type }) => type)).toEqual([
      'task-received',
      'task-started',
      'task-failed',
    ]);
  });

  it('may come late, and begin at the start, at a date, some time ago, or now', async () => {
    const { app, redis, prefix } = fromStage();
    const told = (at: number, mark: string): Promise<unknown> =>
      redis.xadd(`${prefix}:events`, `${at}-0`, 'v', 1, 'w', 'w', 'e', entry(mark));
    const now = Date.now();
    await told(now - 7_200_000, 'old');
    await told(now - 60_000, 'recent');
    const since = async (when: NonNullable<Parameters<App['events']>[0]>['since']) => {
      const watch = new Watch(app, { since: when! });
      await watch.seen('the end', (event) => 'id' in event && event.id === 'end');
      await watch.end();
      return watch.events.map((event) => 'id' in event && event.id);
    };
    const asked = since('now');
    const ending = until('somebody reads', async () => {
      const list = String(await redis.client('LIST'));
      return list.includes('cmd=xread');
    });
    await ending;
    await redis.xadd(`${prefix}:events`, '*', 'v', 1, 'w', 'w', 'e', entry('end'));
    expect(await asked).toEqual(['end']);
    expect(await since('start')).toEqual(['old', 'recent', 'end']);
    expect(await since('1h')).toEqual(['recent', 'end']);
    expect(await since(new Date(now - 60_000))).toEqual(['recent', 'end']);
    expect(await since(new Date(now - 59_999))).toEqual(['end']);
  });

  it('passes over entries that are damaged', async () => {
    const { app, redis, prefix } = fromStage();
    const add = (...fields: (string | number)[]): Promise<unknown> =>
      redis.xadd(`${prefix}:events`, '*', ...fields);
    await add('v', 1, 'w', 'w', 'e', '{');
    await add('v', 1, 'w', 'w', 'e', 'null');
    await add('v', 2, 'w', 'w', 'e', entry('later version'));
    await add('v', 1, 'w', 'w');
    await add('stray', 'field');
    await add(
      'v',
      1,
      'w',
      'w',
      'e',
      '[null, 5, {"type":"task-sent"}, {"at":1}, {"type":5,"at":1}]',
    );
    await add('v', 1, 'w', 'w', 'e', entry('good'));
    const watch = new Watch(app);
    await watch.had('good', 'task-started');
    expect(watch.events).toHaveLength(1);
  });

  it('reads on demand: who takes one event has read one portion', async () => {
    const { app, redis, prefix } = fromStage();
    for (let n = 0; n < 500; n += 1)
      await redis.xadd(`${prefix}:events`, '*', 'v', 1, 'w', 'w', 'e', entry(`n${n}`));
    const reads = async (): Promise<number> =>
      Number(/cmdstat_xread:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
    const before = await reads();
    const events = app.events({ since: 'start' });
    expect((await events.next()).value).toMatchObject({ id: 'n0' });
    await app.queues.names();
    expect(await reads()).toBe(before + 1);
    let count = 1;
    for await (const event of events) {
      count += 1;
      if ('id' in event && event.id === 'n499') break;
    }
    expect(count).toBe(500);
    expect(await reads()).toBe(before + 10);
  });

  it('ends with its loop, its signal, or its App, and leaves no connection', async () => {
    const { redis, prefix } = fromStage();
    const app = new App('ending', { broker: engine.url, prefix });
    const readers = async (): Promise<number> =>
      String(await redis.client('LIST')).split('dtask:events').length - 1;
    await redis.xadd(`${prefix}:events`, '*', 'v', 1, 'w', 'w', 'e', entry('one'));
    const others = await readers();
    for await (const event of app.events({ since: 'start' })) {
      expect(event).toMatchObject({ id: 'one' });
      break;
    }
    await until('its connection is gone', async () => (await readers()) === others);
    const abort = new AbortController();
    const aborted = new Watch(app, { since: 'now' });
    const signalled = (async () => {
      for await (const _ of app.events({ signal: abort.signal })) expect.fail('nothing happens');
    })();
    await until('both read', async () => (await readers()) === others + 2);
    abort.abort();
    await signalled;
    await app.close();
    await aborted.ended;
    await until('their connections are gone', async () => (await readers()) === others);
    expect(await rejection(app.events().next())).toBeInstanceOf(BrokerError);
  });

  it('refuses what it does not understand', () => {
    const { app } = fromStage();
    for (const options of [
      { types: ['task-finished'] },
      { types: [] },
      { tasks: 'echo' },
      { since: 'yesterday' },
      { since: new Date('nonsense') },
      { sinc: 'now' },
    ])
      expect(() => app.events(options as object)).toThrow(ConfigError);
  });

  it('is told where another program has the key', async () => {
    const { app, redis, prefix } = fromStage();
    await redis.set(`${prefix}:events`, 'mine');
    const error = await rejection(app.events({ since: 'start' }).next());
    expect(error).toBeInstanceOf(BrokerError);
    expect(error.message).toContain('is not a stream');
  });
});

describe('the stream', () => {
  it('is capped: the oldest events go, whether they come singly or by the thousand', async () => {
    const { stage, app, redis, prefix } = fromStage();
    const env = stage.environment({ DTASK_EVENTS_KEPT: '1000' });
    await startWorker({ app: 'app.ts', cwd: here, env, flags: ['-E'] });
    const sent = await Promise.all([...Array(3_000).keys()].map((n) => app.sendTask('echo', [n])));
    await Promise.all(sent.map((result) => result.get({ timeout: '30s' })));
    const last = await app.sendTask('echo', ['last']);
    const watch = new Watch(app);
    await watch.had(last.id, 'task-succeeded');
    expect(watch.events.length).toBeGreaterThan(500);
    expect(watch.events.length).toBeLessThan(4_000);
    expect(await redis.memory('USAGE', `${prefix}:events`)).toBeLessThan(4_000 * 400);
  });

  it(
    'may be read on when Redis has been restarted, with nothing told twice',
    { timeout: 60_000 },
    async ({ skip }) => {
      if (!hasNative) skip(needsNative);
      const own = await Engine.start({ keep: true });
      try {
        const stage = setStage(own.url);
        const { app } = stage;
        await hireOn(stage, '-E');
        const watch = new Watch(app, { types: ['task-succeeded'] });
        const before = await app.sendTask('echo', ['before']);
        await watch.had(before.id, 'task-succeeded');
        await own.stop();
        await own.back();
        const after = await until('a task is sent', () =>
          app.sendTask('echo', ['after']).then(
            (result) => result,
            () => undefined,
          ),
        );
        await watch.seen('it is told', (event) => 'id' in event && event.id === after.id, 30_000);
        expect(watch.typesOf(before.id)).toEqual(['task-succeeded']);
        expect(watch.typesOf(after.id)).toEqual(['task-succeeded']);
      } finally {
        await own[Symbol.asyncDispose]();
      }
    },
  );
});

/** An entry of one event, as a worker writes it. */
const entry = (id: string): string =>
  JSON.stringify([{ type: 'task-started', at: Date.now(), id, name: 'echo', retries: 0 }]);
