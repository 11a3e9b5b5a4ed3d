/** Asking workers about themselves: who answers, with what, and how soon. */
import { App, BrokerError, ConfigError, RegistryError } from 'dtask';
import { beforeAll, describe, expect, it } from 'vitest';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { hire } from './hire.js';
import { troupe } from './troupe.js';

/** So long that a test that waits for it fails. */
const long = { timeout: '60s' } as const;

beforeAll(() => Promise.all([troupe.hire('one'), troupe.hire('two')]));

describe('ping', () => {
  it('resolves when the last live worker has answered, and does not wait for its timeout', async () => {
    expect(await troupe.app.inspect.ping(long)).toEqual({
      one: { ok: 'pong' },
      two: { ok: 'pong' },
    });
  });

  it('gives {} at once where no worker lives', async () => {
    const { app } = setStage(engine.url);
    expect(await app.inspect.ping(long)).toEqual({});
    expect(await app.inspect.active(long)).toEqual({});
    expect(await app.control.heartbeat(long)).toEqual({});
  });

  it('live() names the workers that live, without asking them', async () => {
    expect(await troupe.app.inspect.live()).toEqual(['one', 'two']);
    expect(await setStage(engine.url).app.inspect.live()).toEqual([]);
  });

  it('asks the workers that it names', async () => {
    const { inspect } = troupe.app;
    expect(Object.keys(await inspect.ping({ destination: 'two', ...long }))).toEqual(['two']);
    expect(Object.keys(await inspect.ping({ destination: ['one', 'gone'], ...long }))).toEqual([
      'one',
    ]);
    expect(await inspect.ping({ destination: 'gone', ...long })).toEqual({});
  });

  it('asks the workers whose names fit a pattern', async () => {
    const { inspect } = troupe.app;
    const answering = async (pattern: string): Promise<string[]> =>
      Object.keys(await inspect.ping({ pattern, ...long }));
    expect(await answering('*')).toEqual(['one', 'two']);
    expect(await answering('t*')).toEqual(['two']);
    expect(await answering('?n?')).toEqual(['one']);
    expect(await answering('*x*')).toEqual([]);
  });

  it.each([
    [{ destination: 5 }, /destination must be the name of a worker/],
    [{ destination: [] }, /destination must be the name of a worker/],
    [{ pattern: '' }, /pattern must be a text/],
    [{ timeout: 'soon' }, /timeout must be a number of milliseconds/],
    [{ timeot: '1s' }, /did you mean timeout/],
  ])('refuses the options %j', async (options, message) => {
    const error = await rejection(troupe.app.inspect.ping(options as object));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(message);
  });

  it('is answered to many who ask at the same time, each its own', async () => {
    const answers = await Promise.all(
      [...Array(50).keys()].map((n) =>
        troupe.app.control.broadcast('greet', { whom: n }, { destination: 'one', ...long }),
      ),
    );
    expect(answers.map(({ one }) => one)).toEqual(
      [...Array(50).keys()].map((n) => ({ ok: { text: `hello ${n}`, from: 'one' } })),
    );
  });
});

describe('looking into workers', () => {
  it('shows the tasks that run and which worker has a task', async () => {
    const { app, stage } = troupe;
    const { id } = await app.sendTask('gated', ['active']);
    const [start] = await stage.trace.started('active');
    const active = await app.inspect.active(long);
    const running = Object.values(active).flatMap((tasks) => ('error' in tasks ? [] : tasks));
    expect(running).toEqual([
      {
        id,
        name: 'gated',
        queue: 'default',
        args: '"active"',
        retries: 0,
        startedAt: expect.any(String),
      },
    ]);
    expect(Math.abs(Date.parse(running[0]!.startedAt) - start!.at)).toBeLessThan(5_000);
    const found = await app.inspect.queryTask([id, 'elsewhere'], long);
    const has = Object.values(found).filter((tasks) => id in tasks);
    expect(has).toEqual([{ [id]: ['active', running[0]] }]);
    expect(Object.values(await app.inspect.queryTask(id)).some((tasks) => id in tasks)).toBe(true);
    stage.trace.open('active');
    await until('it is active no more', async () =>
      Object.values(await app.inspect.active()).every(
        (tasks) => !('error' in tasks) && tasks.length === 0,
      ),
    );
  });

  it('shows the tasks that wait for their time: the soonest, and those that are damaged as well', async () => {
    const { app, stage } = troupe;
    await Promise.all(
      [...Array(120).keys()].map((n) =>
        app.sendTask('echo', [n], { countdown: 3_600_000 + n * 60_000, priority: 3 }),
      ),
    );
    await stage.redis.hset(stage.key('broken'), 'name', 'echo', 'data', '{not json');
    await stage.redis.zadd(stage.key('delayed'), Date.now() * 0x1000, 'broken');
    const answers = await app.inspect.scheduled(long);
    await app.queues.purge('default');
    await stage.redis.del(stage.key('broken'));
    for (const tasks of Object.values(answers)) {
      if ('error' in tasks) throw new Error(tasks.error);
      expect(tasks).toHaveLength(100);
      expect(tasks[0]).toMatchObject({ request: { id: 'broken', args: '' } });
      expect(tasks[1]).toMatchObject({
        priority: 3,
        request: { name: 'echo', queue: 'default', args: '0', retries: 0 },
      });
      expect(Date.parse(tasks[2]!.eta) - Date.parse(tasks[1]!.eta)).toBeGreaterThan(30_000);
    }
  });

  it('shows tasks, queues, settings, counts, versions and memory', async () => {
    const { app } = troupe;
    await app.sendTask('echo', [1]).get({ timeout: '10s' });
    const at = { destination: 'one', ...long };
    expect(await app.inspect.registered(at)).toMatchObject({
      one: expect.arrayContaining(['echo', 'gated']),
    });
    expect(await app.inspect.activeQueues(at)).toEqual({ one: ['default'] });
    expect(await app.inspect.conf(at)).toMatchObject({
      one: { app: { prefix: troupe.prefix }, worker: { concurrency: 2, name: 'one' } },
    });
    const { pid } = troupe.worker('one');
    expect(await app.inspect.stats(at)).toMatchObject({
      one: {
        pid,
        pool: { implementation: 'inline', maxConcurrency: 2 },
        rusage: expect.anything(),
      },
    });
    const all = Object.values(await app.inspect.stats(long));
    const echoes = all.map((stats) => ('error' in stats ? 0 : (stats.total['echo'] ?? 0)));
    expect(echoes.reduce((sum, count) => sum + count)).toBeGreaterThan(0);
    expect(await app.inspect.report(at)).toMatchObject({
      one: { node: process.versions.node, app: 'control' },
    });
    expect(await app.inspect.memory(at)).toMatchObject({ one: { rss: expect.any(Number) } });
    expect(await app.inspect.reserved(at)).toEqual({ one: [] });
    expect(await app.inspect.revoked(at)).toEqual({ one: { ids: [], rules: [] } });
  });

  it('shows no password of the broker', async () => {
    const url = new URL(engine.url);
    await troupe.stage.redis.call('ACL', 'SETUSER', 'keeper', 'on', '>s3cret', '~*', '&*', '+@all');
    url.username = 'keeper';
    url.password = 's3cret';
    const secret = setStage(url.href);
    await hire(secret, '-n', 'keeper');
    const { inspect } = secret.app;
    const told = await Promise.all([inspect.conf(long), inspect.stats(long), inspect.report(long)]);
    const text = JSON.stringify(told);
    expect(text).toContain('keeper');
    expect(text).not.toContain('s3cret');
  });
});

describe('a command', () => {
  it('of the app itself is carried out, and may take its time', async () => {
    const answers = await troupe.app.control.broadcast('greet', { whom: 'all' }, long);
    expect(answers).toMatchObject({
      one: { ok: { text: 'hello all', from: 'one' } },
      two: { ok: { text: 'hello all', from: 'two' } },
    });
  });

  it('that throws, or gives what cannot be sent, is answered as an error', async () => {
    const { control } = troupe.app;
    const at = { destination: 'one', ...long };
    expect(await control.broadcast('explode', {}, at)).toEqual({ one: { error: 'no such luck' } });
    expect(await control.broadcast('unsendable', {}, at)).toEqual({
      one: { error: expect.stringContaining('BigInt') },
    });
  });

  it('that nobody knows is answered as an error that names those that there are', async () => {
    const answers = await troupe.app.control.broadcast(
      'toString',
      {},
      { destination: 'one', ...long },
    );
    expect(answers).toEqual({
      one: { error: expect.stringMatching(/no command toString; there are ping, .*greet/) },
    });
  });

  it('with wrong arguments is answered as an error', async () => {
    const { control } = troupe.app;
    const at = { destination: 'one', ...long };
    expect(await control.broadcast('addConsumer', {}, at)).toEqual({
      one: { error: 'queue must be a text, got nothing' },
    });
    expect(await control.addConsumer('no spaces', at)).toEqual({
      one: { error: expect.stringContaining('letters, digits') },
    });
    expect(await control.autoscale(2, 5, at)).toEqual({
      one: { error: expect.stringContaining('min must not be above max') },
    });
  });

  it('is refused where it is registered under a name that is taken, or under none', () => {
    const app = new App('names');
    app.controlCommand('mine', () => 1);
    expect(() => app.controlCommand('mine', () => 2)).toThrow(RegistryError);
    expect(() => app.controlCommand('ping', () => 2)).toThrow(RegistryError);
    expect(() => app.controlCommand('no spaces', () => 2)).toThrow(ConfigError);
    expect(() => app.controlCommand('no-code', 5 as unknown as () => void)).toThrow(ConfigError);
  });
});

describe('Redis', () => {
  it('holds nothing more after a hundred questions, and no more connections', async () => {
    const { app, stage } = troupe;
    // The queues' own come and go with their workers' looks for dead ones.
    const keys = async (): Promise<string[]> =>
      (await stage.redis.keys('*')).filter((key) => !key.includes('{')).sort();
    const connections = async (): Promise<number> =>
      String(await stage.redis.client('LIST')).split('\n').length;
    await app.inspect.ping(long);
    const before = { keys: await keys(), connections: await connections() };
    for (let round = 0; round < 20; round += 1) {
      const { inspect } = app;
      const all = await Promise.all([
        inspect.ping(long),
        inspect.active(long),
        inspect.stats(long),
        inspect.scheduled(long),
        inspect.revoked(long),
      ]);
      for (const answers of all) expect(Object.keys(answers)).toEqual(['one', 'two']);
    }
    expect({ keys: await keys(), connections: await connections() }).toEqual(before);
  });

  it('may hold anything on the channels: what is no request and no reply is passed over', async () => {
    const { app, stage, prefix } = troupe;
    for (const text of ['', '{', 'null', '[]', '{"v":1}', '{"v":99,"id":"x"}', '"ping"'])
      await stage.redis.publish(`${prefix}:ctl`, text);
    await stage.redis.publish(
      `${prefix}:ctl`,
      JSON.stringify({ v: 1, id: 'x', reply: 'nobody', command: 'shutdown', args: {}, expires: 1 }),
    );
    expect(await app.inspect.ping(long)).toEqual({ one: { ok: 'pong' }, two: { ok: 'pong' } });
  });

  it('may end the connections of those who ask and who answer: they come back by themselves', async () => {
    const { app, stage } = troupe;
    await app.inspect.ping(long);
    const list = String(await stage.redis.client('LIST'));
    const subscribers = list
      .split('\n')
      .filter((line) => / sub=[1-9]/.test(line))
      .flatMap((line) => /\bid=(\d+)/.exec(line)?.[1] ?? []);
    expect(subscribers.length).toBeGreaterThanOrEqual(3);
    for (const id of subscribers) await stage.redis.client('KILL', 'ID', id);
    await until('both answer again', async () => {
      const answers = await app.inspect.ping({ timeout: 300 });
      return Object.keys(answers).length === 2;
    });
  });

  it('that is away is an error within sendTimeout, and so is an App that is closed meanwhile', async () => {
    const app = new App('away', { broker: 'redis://127.0.0.1:1/0', sendTimeout: '300ms' });
    expect(await rejection(app.inspect.ping(long))).toBeInstanceOf(BrokerError);
    await app.close();
    const other = new App('closed', { broker: engine.url, prefix: troupe.prefix });
    // A worker that has its name and answers nothing.
    await troupe.stage.redis.zadd(`${troupe.prefix}:workers`, Date.now() + 60_000, 'mute');
    const asked = rejection(other.inspect.ping(long));
    await until('it has been asked', async () => {
      const [, count] = await troupe.stage.redis.pubsub('NUMSUB', `${troupe.prefix}:ctl`);
      return Number(count) >= 2;
    });
    await other.close();
    expect(await asked).toBeInstanceOf(BrokerError);
    await troupe.stage.redis.zrem(`${troupe.prefix}:workers`, 'mute');
  });
});

describe('a worker', () => {
  it('that was killed holds nobody up once its claim has lapsed', { timeout: 60_000 }, async () => {
    const { app, stage, prefix } = troupe;
    const third = await troupe.hire('third');
    expect(Object.keys(await app.inspect.ping(long))).toEqual(['one', 'third', 'two']);
    await third.kill();
    // Until then it is waited for, as long as the caller says.
    expect(Object.keys(await app.inspect.ping({ timeout: 200 }))).toEqual(['one', 'two']);
    await until(
      'its claim has lapsed',
      async () => (await stage.redis.exists(`${prefix}:w:third`)) === 0,
      20_000,
    );
    expect(Object.keys(await app.inspect.ping(long))).toEqual(['one', 'two']);
    expect((await stage.redis.zrange(`${prefix}:workers`, 0, -1)).sort()).toEqual(['one', 'two']);
  });

  it('that stopped in order is asked no more', async () => {
    const { app, stage, prefix } = troupe;
    const brief = await troupe.hire('brief');
    brief.signal('SIGTERM');
    await brief.end();
    expect((await stage.redis.zrange(`${prefix}:workers`, 0, -1)).sort()).toEqual(['one', 'two']);
    expect(Object.keys(await app.inspect.ping(long))).toEqual(['one', 'two']);
  });

  it('answers while it stops and its last task runs', async () => {
    const { app, stage } = troupe;
    const leaving = await troupe.hire('leaving', ['-Q', 'leaving']);
    await app.sendTask('gated', ['leaving'], { queue: 'leaving' });
    await stage.trace.started('leaving');
    leaving.signal('SIGTERM');
    await leaving.logged(/^stopping when/);
    expect(await app.inspect.ping({ destination: 'leaving', ...long })).toEqual({
      leaving: { ok: 'pong' },
    });
    stage.trace.open('leaving');
    expect(await leaving.end()).toEqual({ code: 0, signal: null });
  });

  it('that was busy until nobody waited any more does not do what it was asked', async () => {
    const { app, stage } = troupe;
    const busy = await troupe.hire('busy', ['-Q', 'busy']);
    const burnt = await app.sendTask('burn', ['busy', 1_500], { queue: 'busy' });
    await stage.trace.started('busy');
    expect(await app.control.shutdown({ destination: 'busy', timeout: 100 })).toEqual({});
    expect(await burnt.get({ timeout: '15s' })).toBe(true);
    expect(await app.inspect.ping({ destination: 'busy', ...long })).toEqual({
      busy: { ok: 'pong' },
    });
    await busy.kill();
  });
});
