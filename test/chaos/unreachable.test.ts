/** Redis that cannot be reached: callers are told so in time, and go on once it is there. */
import { App, BrokerError } from 'dtask';
import { testWorker } from 'dtask/testing';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Engine } from '../support/engine.js';
import { startProxy } from '../support/proxy.js';
import { setStage } from '../support/stage.js';
import { rejection, timed, until } from '../support/until.js';

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine[Symbol.asyncDispose]());

describe('where nothing listens at the address', () => {
  it('delay() is rejected within sendTimeout, with the address and what to do', async () => {
    await engine.stop();
    const { app } = setStage(engine.url, { sendTimeout: '1s' });
    const add = app.task('add', (x: number, y: number) => x + y);
    const took = await timed(async () => {
      const error = await rejection(add.delay(1, 2).then());
      expect(error).toBeInstanceOf(BrokerError);
      expect(error).toMatchObject({ code: 'BROKER', name: 'BrokerError' });
      expect(error.message).toContain('task add[');
      expect(error.message).toContain(`127.0.0.1:${engine.port}`);
      expect(error.message).toContain('1s (sendTimeout)');
      expect(error.message).toContain('ECONNREFUSED');
      expect(error.message).toContain('DTASK_BROKER_URL');
    });
    expect(took).toBeLessThan(5_000);
  });

  it('get() of a call that could not be sent is rejected with the same error', async () => {
    await engine.stop();
    const { app } = setStage(engine.url, { sendTimeout: '1s' });
    const call = app.sendTask('add', [1, 2]);
    const [sent, got] = await Promise.all([rejection(call.then()), rejection(call.get())]);
    expect(got).toBe(sent);
  });

  it('a call that nobody awaits does not end the process without a word', async () => {
    await engine.stop();
    const { app } = setStage(engine.url, { sendTimeout: '200ms' });
    const heard: unknown[] = [];
    const listeners = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    const hear = (error: unknown): unknown => heard.push(error);
    process.on('unhandledRejection', hear);
    onTestFinished(() => {
      process.off('unhandledRejection', hear);
      for (const listener of listeners) process.on('unhandledRejection', listener);
    });
    void app.sendTask('add', [1, 2]);
    await until('the rejection was heard of', () => heard.length > 0);
    expect(heard).toHaveLength(1);
    expect(heard[0]).toBeInstanceOf(BrokerError);
  });

  it('whatever is asked of results, queues, workers and events is rejected, instead of waiting for ever', async () => {
    await engine.stop();
    const { app } = setStage(engine.url, { sendTimeout: '500ms' });
    const result = app.result('some-id');
    const asked: Record<string, Promise<unknown>> = {
      'state()': result.state(),
      'exists()': result.exists(),
      'ready()': result.ready(),
      'successful()': result.successful(),
      'failed()': result.failed(),
      'info()': result.info(),
      'result()': result.result(),
      'forget()': result.forget(),
      'revoke()': result.revoke(),
      'queues.names()': app.queues.names(),
      'queues.counts()': app.queues.counts('default'),
      'queues.purge()': app.queues.purge('default'),
      'queues.server()': app.queues.server(),
      'inspect.ping()': app.inspect.ping(),
      'control.shutdown()': app.control.shutdown(),
      "events({ since: 'now' })": app.events().next(),
      "events({ since: 'start' })": app.events({ since: 'start' }).next(),
    };
    const took = await timed(async () => {
      const where = `127.0.0.1:${engine.port}`;
      const heard = await Promise.all(
        Object.entries(asked).map(async ([what, answer]) => {
          const { name, message } = await rejection(answer);
          return { what, name, where: message.includes(where) ? where : message };
        }),
      );
      expect(heard).toEqual(
        Object.keys(asked).map((what) => ({ what, name: 'BrokerError', where })),
      );
    });
    expect(took).toBeLessThan(5_000);
  });

  it('events that wait for Redis end with their signal', async () => {
    await engine.stop();
    const { app } = setStage(engine.url, { sendTimeout: '60s' });
    const ended = new AbortController();
    const next = app.events({ signal: ended.signal }).next();
    ended.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('get({ timeout }) of an id ends in time', async () => {
    await engine.stop();
    const { app } = setStage(engine.url);
    const took = await timed(() => rejection(app.result('some-id').get({ timeout: '500ms' })));
    expect(took).toBeLessThan(5_000);
  });

  it('the same App works once Redis is there, and what it rejected is not sent later', async () => {
    await engine.stop();
    const { app } = setStage(engine.url, { sendTimeout: '1s' });
    const add = app.task('add', (x: number, y: number) => x + y);
    const rejected = [add.delay(1, 1), add.delay(2, 2), add.delay(3, 3)];
    for (const call of rejected) await rejection(call.then());
    await engine.back();
    const later = await until('a call is taken', () => add.delay(4, 5).catch(() => undefined));
    expect((await app.queues.counts('default')).waiting).toBe(1);
    expect(await Promise.all(rejected.map(({ id }) => app.result(id).state()))).toEqual([
      'UNKNOWN',
      'UNKNOWN',
      'UNKNOWN',
    ]);
    await using _worker = await testWorker(app);
    expect(await later.get({ timeout: '10s' })).toBe(9);
  });

  it('a call that waits is sent when Redis comes within sendTimeout', async () => {
    await engine.stop();
    const { app } = setStage(engine.url, { sendTimeout: '20s' });
    const call = app.sendTask('add', [1, 2]);
    await engine.back();
    expect(await (await call).state()).toBe('PENDING');
  });
});

describe('where somebody listens but never answers', () => {
  it('delay() and state() are rejected within sendTimeout', async () => {
    const proxy = await startProxy(engine.port);
    proxy.become('blackhole');
    const { app } = setStage(proxy.url, { sendTimeout: '1s' });
    const took = await timed(async () => {
      const errors = await Promise.all([
        rejection(app.sendTask('add', [1, 2]).then()),
        rejection(app.result('some-id').state()),
      ]);
      for (const error of errors) expect(error.message).toContain(`127.0.0.1:${proxy.port}`);
    });
    expect(took).toBeLessThan(5_000);
  });
});

describe('where the connection dies while it is in use', () => {
  it('delay() is rejected within sendTimeout, later calls work, and what was rejected is not sent later', async () => {
    const proxy = await startProxy(engine.port);
    const { app, prefix } = setStage(proxy.url, { sendTimeout: '1s' });
    const watcher = new App('watcher', { broker: engine.url, prefix });
    onTestFinished(() => watcher.close());
    await app.sendTask('add', [0, 0]);
    proxy.become('blackhole');
    const call = app.sendTask('add', [1, 1]);
    const took = await timed(() => rejection(call.then()));
    expect(took).toBeLessThan(5_000);
    proxy.become('pass');
    const later = await until(
      'a call is taken',
      () => app.sendTask('add', [2, 2]).catch(() => undefined),
      20_000,
    );
    expect(await watcher.result(later.id).state()).toBe('PENDING');
    expect(await watcher.result(call.id).state()).toBe('UNKNOWN');
  });

  it('a delayed network slows calls down and fails none', async () => {
    const proxy = await startProxy(engine.port);
    proxy.delay = 150;
    const { app } = setStage(proxy.url);
    const calls = await Promise.all([...Array(50).keys()].map((x) => app.sendTask('add', [x, x])));
    expect(await calls[49]?.state()).toBe('PENDING');
    expect((await app.queues.counts('default')).waiting).toBe(50);
  });
});
