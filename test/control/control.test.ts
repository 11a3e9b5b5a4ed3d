/** Telling workers what to do: queues, limits, events, and to stop. */
import { App, ConfigError } from 'dtask';
import { beforeAll, describe, expect, it } from 'vitest';
import { Engine, hasNative, needsNative } from '../support/engine.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';
import { here as folder, hire } from './hire.js';
import { troupe } from './troupe.js';

const long = { timeout: '60s' } as const;

beforeAll(() => Promise.all([troupe.hire('one'), troupe.hire('two')]));

describe('a queue', () => {
  it('is taken on by the worker that is told to, and left again', async () => {
    const { app } = troupe;
    const at = { destination: 'one', ...long };
    const early = await app.sendTask('echo', ['early'], { queue: 'extra' });
    expect(await app.control.addConsumer('extra', at)).toEqual({
      one: { ok: 'add consumer extra' },
    });
    expect(await early.get({ timeout: '10s' })).toBe('early');
    expect(await app.inspect.activeQueues(long)).toEqual({
      one: ['default', 'extra'],
      two: ['default'],
    });
    expect(await app.control.addConsumer('extra', at)).toEqual({
      one: { ok: 'already consuming from extra' },
    });
    expect(await app.control.cancelConsumer('extra', at)).toEqual({
      one: { ok: 'no longer consuming from extra' },
    });
    const late = await app.sendTask('echo', ['late'], { queue: 'extra' });
    expect(await app.sendTask('echo', ['other']).get({ timeout: '10s' })).toBe('other');
    expect(await late.state()).toBe('PENDING');
    expect(await app.control.cancelConsumer('extra', at)).toEqual({
      one: { ok: 'not consuming from extra' },
    });
    expect(await app.control.addConsumer('extra', at)).toEqual({
      one: { ok: 'add consumer extra' },
    });
    expect(await late.get({ timeout: '10s' })).toBe('late');
    await app.control.cancelConsumer('extra', at);
  });

  it('that is left has its running task ended first, and its lock kept until then', async () => {
    const { app, stage } = troupe;
    const at = { destination: 'two', ...long };
    await app.control.addConsumer('slow', at);
    const running = await app.sendTask('gated', ['slow'], { queue: 'slow' });
    await stage.trace.started('slow');
    await app.control.cancelConsumer('slow', at);
    expect(await running.state()).toBe('STARTED');
    stage.trace.open('slow');
    expect(await running.get({ timeout: '10s' })).toBe('opened');
    expect(stage.trace.starts('slow')).toHaveLength(1);
  });
});

describe('limits', () => {
  it('that are changed are kept for workers that start later, and taken back by null', async () => {
    const { app, stage, prefix } = troupe;
    const kept = (): Promise<Record<string, string>> => stage.redis.hgetall(`${prefix}:limits`);
    await app.control.rateLimit('echo', '5/m', long);
    await app.control.timeLimit('echo', { soft: '50s', hard: '1m' }, long);
    expect(await kept()).toEqual({
      'rate:echo': '{"rateLimit":"5/m"}',
      'time:echo': '{"softTimeLimit":50000,"timeLimit":60000}',
    });
    await troupe.hire('later', ['-Q', 'later']);
    expect(await app.inspect.conf({ destination: 'later', ...long })).toMatchObject({
      later: { limits: { echo: { rateLimit: '5/m', softTimeLimit: 50_000, timeLimit: 60_000 } } },
    });
    await app.control.rateLimit('echo', null, long);
    expect(await app.inspect.conf({ destination: 'later', ...long })).toMatchObject({
      later: { limits: { echo: { softTimeLimit: 50_000, timeLimit: 60_000 } } },
    });
    await app.control.timeLimit('echo', null, long);
    expect(await kept()).toEqual({});
  });

  it.each([
    ['five a minute', /rateLimit must be a number above 0/],
    [0, /rateLimit must be a number above 0/],
    ['-5/m', /rateLimit must be a number above 0/],
  ])('refuses the rate %j, and keeps nothing of it', async (rate, message) => {
    const { app, stage, prefix } = troupe;
    const error = await rejection(app.control.rateLimit('echo', rate as '5/m'));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(message);
    expect(await stage.redis.exists(`${prefix}:limits`)).toBe(0);
  });

  it.each([
    [{ soft: '2m', hard: '1m' }, /must be below the hard one/],
    [{}, /takes \{ soft \}, \{ hard \} or both/],
    [{ sof: '1s' }, /did you mean soft/],
    [{ soft: 'soon' }, /soft must be a number of milliseconds/],
    [5, /time limits are \{ soft\?, hard\? \} or null/],
  ])('refuses the time limits %j, and keeps nothing of them', async (limits, message) => {
    const { app, stage, prefix } = troupe;
    const error = await rejection(app.control.timeLimit('echo', limits as object));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(message);
    expect(await stage.redis.exists(`${prefix}:limits`)).toBe(0);
  });

  it('are not changed where an option of the change is refused', async () => {
    const { app, stage, prefix } = troupe;
    const { control } = app;
    for (const wrong of [{ foo: 1 }, { timeout: 'soon' }, { destination: [] }]) {
      const options = wrong as object;
      expect(await rejection(control.rateLimit('echo', '1/s', options))).toBeInstanceOf(
        ConfigError,
      );
      expect(await rejection(control.timeLimit('echo', { hard: 5 }, options))).toBeInstanceOf(
        ConfigError,
      );
    }
    expect(await stage.redis.exists(`${prefix}:limits`)).toBe(0);
  });

  it('of a task that a worker does not know are answered as an error', async () => {
    const { control } = troupe.app;
    const answers = await control.rateLimit('unheard', '5/m', { destination: 'one', ...long });
    expect(answers).toEqual({ one: { error: expect.stringContaining('has no task unheard') } });
    await control.rateLimit('unheard', null);
  });

  it('that are damaged in Redis hold for nothing', async () => {
    const { app, stage, prefix } = troupe;
    await stage.redis.hset(`${prefix}:limits`, {
      'rate:echo': '{',
      'rate:note': '{"rateLimit":"often"}',
      'time:echo': 'null',
      stray: '1',
      'time:note': '{"timeLimit":1000}',
    });
    await troupe.hire('reader', ['-Q', 'reader']);
    expect(await app.inspect.conf({ destination: 'reader', ...long })).toMatchObject({
      reader: { limits: { note: { timeLimit: 1_000 } } },
    });
    await stage.redis.del(`${prefix}:limits`);
  });
});

describe('shutdown', () => {
  it('stops the worker that is told to, when its task has ended: with exit code 0', async () => {
    const { app, stage } = troupe;
    const leaving = await troupe.hire('leaving', ['-Q', 'leaving']);
    const running = await app.sendTask('gated', ['leaving'], { queue: 'leaving' });
    await stage.trace.started('leaving');
    const answers = await app.control.shutdown({ destination: 'leaving', ...long });
    expect(answers).toEqual({ leaving: { ok: expect.stringContaining('stopping') } });
    stage.trace.open('leaving');
    expect(await leaving.end()).toEqual({ code: 0, signal: null });
    expect(await running.get({ timeout: '5s' })).toBe('opened');
  });
});

describe('a command', () => {
  it('reaches no worker on another database of the same Redis', async () => {
    const { app, prefix, stage } = troupe;
    const here = { destination: ['one', 'two'], ...long };
    const broker = new URL('/1', engine.url).href;
    const worker = await startWorker({
      app: 'app.ts',
      cwd: folder,
      env: stage.environment({ DTASK_BROKER_URL: broker }),
      flags: ['-n', 'elsewhere'],
    });
    await using other = new App('other', { broker, prefix });
    const ok = { ok: expect.any(String) };
    expect(await other.control.addConsumer('theirs', long)).toEqual({ elsewhere: ok });
    expect(await app.inspect.activeQueues(here)).toEqual({ one: ['default'], two: ['default'] });
    expect(await other.control.shutdown(long)).toEqual({ elsewhere: ok });
    expect(await worker.end()).toEqual({ code: 0, signal: null });
    expect(await app.inspect.ping(here)).toEqual({ one: { ok: 'pong' }, two: { ok: 'pong' } });
  });
});

describe('Redis is restarted', () => {
  it(
    'and workers hear again, and know what was decided meanwhile',
    { timeout: 60_000 },
    async ({ skip }) => {
      if (!hasNative) skip(needsNative);
      const engine = await Engine.start({ keep: true });
      try {
        const stage = setStage(engine.url);
        const { app, redis, prefix } = stage;
        await hire(stage, '-n', 'lasting');
        expect(await app.inspect.ping(long)).toEqual({ lasting: { ok: 'pong' } });
        await engine.stop();
        await engine.back();
        // Decided by another program, of which no worker was told.
        const until2099 = JSON.stringify({
          subject: { root: 'meanwhile' },
          until: 4_070_908_800_000,
        });
        await redis.hset(`${prefix}:revoked`, 'root:meanwhile', until2099);
        await redis.client('KILL', 'TYPE', 'pubsub');
        await until('it answers and knows', async () => {
          const { lasting } = await app.inspect.revoked({ timeout: 500 });
          return lasting && 'rules' in lasting && lasting.rules.includes('root:meanwhile');
        });
      } finally {
        await engine[Symbol.asyncDispose]();
      }
    },
  );
});
