/** A database that the server does not have is refused by every connection; no other takes its place. */
import { App, type AppOptions, BrokerError, StartupError } from 'dtask';

import { Beat, Worker } from 'dtask/worker';
import { expect, onTestFinished, test } from 'vitest';
import { runDtask } from '../support/dtask-process.js';
import { freePorts } from '../support/free-ports.js';
import { nativeServer, ServerProcess } from '../support/server-process.js';
import { until } from '../support/until.js';

/** A server with so many databases, on a port of its own or the one given. */
async function serve(databases: number, port?: number): Promise<ServerProcess> {
  const [free = 0] = port === undefined ? await freePorts(1) : [port];
  const settings = { port: free, databases, save: '', bind: '127.0.0.1' };
  const server = new ServerProcess(free, settings);
  onTestFinished(() => server.kill());
  await server.redis.ping();
  return server;
}

const prefix = 'shop';
const urlOf = ({ port }: ServerProcess, database: number): string =>
  `redis://127.0.0.1:${port}/${database}`;

function appOn(server: ServerProcess, database: number, options: AppOptions = {}): App {
  const app = new App('shop', { broker: urlOf(server, database), prefix, ...options });
  onTestFinished(() => app.close());
  return app;
}

const refused = /SELECT 9: ERR DB index is out of range/;
const needsNative = nativeServer === undefined;

test.skipIf(needsNative)('all that an App asks is refused, and says the index', async () => {
  const server = await serve(4);
  const other = appOn(server, 0);
  await other.sendTask('any');
  const keys = await server.redis.dbsize();
  const app = appOn(server, 9);
  const asks: readonly (() => PromiseLike<unknown>)[] = [
    () => app.sendTask('any'),
    () => app.queues.purge('default'),
    () => app.queues.counts('default'),
    () => app.result('x').get({ timeout: '5s' }),
    () => app.result('x').state(),
    () => app.control.revoke('x'),
    () => app.inspect.ping(),
    () => app.beat.list(),
    () => app.events().next(),
  ];
  for (const ask of asks) await expect(ask()).rejects.toThrow(refused);
  await expect(app.sendTask('any')).rejects.toThrow(BrokerError);
  expect(await server.redis.dbsize()).toBe(keys);
  expect(await other.queues.counts('default')).toMatchObject({ waiting: 1 });
});

test.skipIf(needsNative)('a worker and a beat do not start', async () => {
  const server = await serve(4);
  const app = appOn(server, 9);
  app.task('any', () => 1);
  const worker = new Worker(app, { logLevel: 'silent' });
  onTestFinished(() => worker.stop());
  const starting = worker.start();
  await expect(starting).rejects.toThrow(refused);
  await expect(starting).rejects.toThrow(StartupError);
  const beat = new Beat(app, { logLevel: 'silent' });
  onTestFinished(() => beat.stop());
  await expect(beat.start()).rejects.toThrow(refused);
  expect(await server.redis.dbsize()).toBe(0);
});

test.skipIf(needsNative)('the commands end with 1 and say the index', async () => {
  const server = await serve(4);
  const env = { DTASK_BROKER_URL: urlOf(server, 9), DTASK_PREFIX: prefix };
  await appOn(server, 0).sendTask('any');
  const commands = [
    ['purge', '-f'],
    ['worker', '-A', 'faults/app.ts'],
    ['beat', '-A', 'faults/app.ts'],
    ['call', 'any'],
  ];
  const ends = await Promise.all(commands.map((args) => runDtask(args, { env })));
  for (const { code, stdout, stderr } of ends) {
    expect(`${stdout}${stderr}`).toMatch(refused);
    expect(code).toBe(1);
  }
  expect(await appOn(server, 0).queues.counts('default')).toMatchObject({ waiting: 1 });
});

test.skipIf(needsNative)(
  'connections that come back to a server with fewer databases write nothing, and go on with one that has it',
  { timeout: 60_000 },
  async () => {
    let server = await serve(16);
    const app = appOn(server, 9);
    const add = app.task('add', (a: number, b: number) => a + b);
    const worker = new Worker(app, { logLevel: 'silent' });
    await worker.start();
    onTestFinished(() => worker.stop());
    expect(await add.delay(1, 2).get()).toBe(3);
    const before = ['caller', 'worker', 'control', 'lock-keeper'].map((role) => `dtask:${role}`);
    await until('all are connected', async () => {
      const clients = String(await server.redis.client('LIST'));
      return before.every((name) => clients.includes(`name=${name}`));
    });
    await server.kill();
    server = await serve(4, server.port);
    // Each of them has tried by now, and none has found a database of its own.
    const tried = new Set<string>();
    const monitor = await server.redis.monitor();
    onTestFinished(() => monitor.disconnect());
    monitor.on('monitor', (_time: string, [command, ...args]: string[]) => {
      if (command?.toLowerCase() === 'client' && args[0]?.toLowerCase() === 'setname')
        tried.add(String(args[1]).replace(/^(dtask:[\w-]+).*/, '$1'));
    });
    await until('all have tried', () => before.every((name) => tried.has(name)), 20_000);
    await expect(add.delay(1, 2)).rejects.toThrow(refused);
    expect(await server.redis.dbsize()).toBe(0);
    monitor.disconnect();
    await server.kill();
    server = await serve(16, server.port);
    expect(
      await until('a call is run', () =>
        add
          .delay(2, 3)
          .get()
          .catch(() => undefined),
      ),
    ).toBe(5);
    expect(await server.redis.dbsize()).toBe(0);
  },
);
