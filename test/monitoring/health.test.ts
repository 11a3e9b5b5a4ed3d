/** What a worker tells orchestrators over HTTP. */
import { type AddressInfo, createServer, type Server } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { App } from 'dtask';
import { Worker } from 'dtask/worker';
import { eventually } from '../behaviour/eventually.js';
import { Gate } from '../behaviour/gate.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection } from '../behaviour/rejection.js';
import { startProxy } from '../support/proxy.js';
import { pageOf, readyOf } from './pages.js';

/** A worker that is not started, and ends with the test. */
function idleWorker(app: App, options: object = {}): Worker {
  const worker = new Worker(app, { logLevel: 'silent', httpPort: 0, ...options });
  onTestFinished(async () => {
    await worker.stop({ force: true });
    await worker.stop();
  });
  return worker;
}

function appAt(broker: string): App {
  const app = new App('health', { broker, prefix: 'health' });
  onTestFinished(() => app.close());
  return app;
}

describe('a worker that takes tasks', () => {
  it('is alive and ready', async () => {
    const worker = await stage.worker(stage.app(), { httpPort: 0 });
    const alive = await fetch(pageOf(worker, '/healthz'));
    expect([alive.status, await alive.json()]).toEqual([200, { alive: true }]);
    expect(await readyOf(worker)).toEqual({ status: 200, reason: undefined });
  });

  it('listens on loopback alone, unless told otherwise', async () => {
    const worker = await stage.worker(stage.app(), { httpPort: 0 });
    expect(worker.httpAddress).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const other = await stage.worker(stage.app(), { httpPort: 0, httpHost: '::1' });
    expect(other.httpAddress).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(await readyOf(other)).toMatchObject({ status: 200 });
  });

  it('answers GET and HEAD on its pages, and nothing else', async () => {
    const worker = await stage.worker(stage.app(), { httpPort: 0 });
    const head = await fetch(pageOf(worker, '/readyz?from=probe'), { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(0);
    const post = await fetch(pageOf(worker, '/readyz'), { method: 'POST', body: 'x'.repeat(1e6) });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    for (const path of ['/', '/healthz/', '/constructor', '//', '/readyz%2f']) {
      const missing = await fetch(pageOf(worker, path));
      expect([path, missing.status, await missing.text()]).toEqual([path, 404, 'not found\n']);
    }
  });

  it('tells nothing of the machine, the broker or the software', async () => {
    const worker = await stage.worker(stage.app(), { httpPort: 0 });
    for (const path of ['/healthz', '/readyz', '/nothing']) {
      const response = await fetch(pageOf(worker, path));
      expect([...response.headers.keys()].toSorted()).toEqual([
        'cache-control',
        'connection',
        'content-length',
        'content-type',
        'date',
        'keep-alive',
        'x-content-type-options',
      ]);
      expect(await response.text()).not.toContain(new URL(stage.engine.url).port);
    }
  });

  it('has no port where nobody asked for one', async () => {
    const worker = await stage.worker(stage.app());
    expect(worker.httpAddress).toBeUndefined();
  });
});

describe('a worker that stops', () => {
  it('is not ready any more while its tasks end, and then its port is closed', async () => {
    const app = stage.app();
    const gate = new Gate();
    const begun = new Gate();
    const hold = app.task('hold', async () => {
      begun.open();
      await gate.passed;
    });
    const worker = idleWorker(app);
    await worker.start();
    await hold.delay();
    await begun.passed;
    const page = pageOf(worker, '/healthz');
    const stopped = worker.stop();
    expect(await readyOf(worker)).toEqual({ status: 503, reason: 'the worker stops' });
    expect((await fetch(page)).status).toBe(200);
    gate.open();
    await stopped;
    expect(worker.httpAddress).toBeUndefined();
    await expect(fetch(page)).rejects.toThrow('fetch failed');
  });
});

describe('a worker that is told to stop while it starts', () => {
  it.each(['127.0.0.1', 'localhost'])('leaves no port behind on %s', async (httpHost) => {
    const other = await listen();
    const { port: httpPort } = other.address() as AddressInfo;
    await new Promise((resolve) => other.close(resolve));
    const worker = idleWorker(stage.app(), { httpPort, httpHost });
    const started = worker.start();
    await worker.stop();
    await started;
    expect(worker.httpAddress).toBeUndefined();
    expect((await listen(httpPort)).listening).toBe(true);
  });
});

describe('a worker without Redis', () => {
  it('is alive and not ready while it waits for its first connection', async () => {
    const proxy = await startProxy(Number(new URL(stage.engine.url).port));
    proxy.become('stall');
    const worker = idleWorker(appAt(proxy.url));
    const started = worker.start();
    await eventually(() => worker.httpAddress).toBeDefined();
    expect(await readyOf(worker)).toEqual({
      status: 503,
      reason: 'there is no connection to Redis',
    });
    expect((await fetch(pageOf(worker, '/healthz'))).status).toBe(200);
    proxy.become('pass');
    await started;
    expect(await readyOf(worker)).toMatchObject({ status: 200 });
  });

  it('is not ready while Redis is away, and ready when it is back', async () => {
    const proxy = await startProxy(Number(new URL(stage.engine.url).port));
    const worker = idleWorker(appAt(proxy.url));
    await worker.start();
    expect(await readyOf(worker)).toMatchObject({ status: 200 });
    proxy.become('stall');
    expect(await readyOf(worker)).toEqual({ status: 503, reason: 'Redis does not answer' });
    proxy.cut();
    await eventually(() => readyOf(worker)).toEqual({
      status: 503,
      reason: 'there is no connection to Redis',
    });
    proxy.become('pass');
    await eventually(() => readyOf(worker)).toMatchObject({ status: 200 });
  });
});

describe('a port that cannot be had', () => {
  it('keeps the worker from starting, and is named', async () => {
    const other = await listen();
    const { port } = other.address() as AddressInfo;
    const app = stage.app();
    const worker = idleWorker(app, { httpPort: port });
    const error = await rejection(worker.start());
    expect(error).toMatchObject({ name: 'StartupError' });
    expect(String(error)).toContain(`port ${port} of 127.0.0.1`);
    expect(String(error)).toContain('--http-port');
    // Nothing was begun: the name is free.
    expect(await stage.redis.keys(`${app.config.prefix}:w:*`)).toEqual([]);
  });

  it('is refused at once where it is none', () => {
    const app = stage.app();
    for (const httpPort of [-1, 65_536, 80.5, Number.NaN])
      expect(() => new Worker(app, { httpPort })).toThrow(/httpPort must be a whole number from 0/);
    expect(() => new Worker(app, { httpHost: 'http://here' })).toThrow(/httpHost must be a host/);
  });

  it('is free again where the worker cannot start for another reason', async () => {
    const app = stage.app();
    await stage.worker(app, { name: 'taken' });
    const other = await listen();
    const { port } = other.address() as AddressInfo;
    await new Promise((resolve) => other.close(resolve));
    const worker = idleWorker(app, { name: 'taken', httpPort: port });
    expect(await rejection(worker.start())).toMatchObject({ name: 'StartupError' });
    expect((await listen(port)).listening).toBe(true);
  });
});

async function listen(port = 0): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  return server;
}
