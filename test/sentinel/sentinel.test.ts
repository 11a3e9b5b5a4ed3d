/** A primary that sentinels watch: they say where it is, and callers and workers go there. */
import { setTimeout as delay } from 'node:timers/promises';
import { App } from 'dtask';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { runDtask } from '../support/dtask-process.js';
import { needsSentinels, Sentinels } from '../support/sentinels.js';
import { nativeServer } from '../support/server-process.js';
import { workerOf } from '../support/shard-servers.js';
import { timed, until } from '../support/until.js';
import { startWorker } from '../support/worker-process.js';

describe.skipIf(!nativeServer)(`a primary with sentinels (${needsSentinels})`, () => {
  let sentinels: Sentinels;
  beforeAll(async () => {
    sentinels = await Sentinels.start();
  });
  afterAll(() => sentinels[Symbol.asyncDispose]());

  test('runs tasks in the database of its URL, and has control and events', async () => {
    const app = sentinels.app({ broker: sentinels.urlWith('', '/2'), sendEvents: true });
    const add = app.task('add', (a: number, b: number) => a + b);
    await workerOf(app, { name: 'one', events: true });
    const { id } = await add.delay(1, 2);
    expect(await app.result(id).get()).toBe(3);
    expect(await app.inspect.ping()).toEqual({ one: { ok: 'pong' } });
    for await (const event of app.events({ types: ['task-succeeded'], since: '1m' }))
      if (event.id === id) break;
    const redis = sentinels.servers[0]?.redis;
    await redis?.select(2);
    expect(await redis?.exists(`${app.config.prefix}:r:${id}`)).toBe(1);
    await redis?.select(0);
  });

  test('serves the command line', async () => {
    const { prefix } = sentinels.app().config;
    const env = { DTASK_BROKER_URL: sentinels.url, DTASK_PREFIX: prefix };
    await startWorker({ env, flags: ['-n', 'one', '-c', '2'] });
    for (const args of [['call', 'echo', 'hello', '--wait'], ['status'], ['beat', '--plan']]) {
      const { code, stderr } = await runDtask([...args, '-A', 'faults/app.ts'], { env });
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
    }
  });

  test('that they do not know is named, and one of them is enough', async () => {
    const other = sentinels.url.replace('mymaster', 'other');
    const app = new App('lost', { broker: other, sendTimeout: '1s' });
    onTestFinished(() => app.close());
    await expect(app.sendTask('add', [1])).rejects.toThrow(
      /Redis at redis\+sentinel:.*\/other does not answer: none of its sentinels says where it is \(.*No such master with that name/,
    );
    const half = sentinels.app({
      broker: `redis+sentinel://127.0.0.1:1,127.0.0.1:${sentinels.sentinels[2]?.port}/mymaster`,
    });
    await half.sendTask('add', [1]);
    expect(await half.queues.counts('default')).toMatchObject({ waiting: 1 });
  });

  test('that was killed is replaced, and no task is lost', { timeout: 60_000 }, async () => {
    const app = sentinels.app({ sendTimeout: '30s' });
    const env = { DTASK_BROKER_URL: sentinels.url, DTASK_PREFIX: app.config.prefix };
    await startWorker({ env, flags: ['-c', '4', '-n', 'first'] });
    const values: Promise<unknown>[] = [];
    const send = async (): Promise<void> => {
      values.push(app.sendTask('echo', [values.length]).get({ timeout: '60s' }));
      await delay(5);
    };
    while (values.length < 100) await send();
    const [primary, replica] = sentinels.servers;
    await primary?.kill();
    await until(
      'the replica was promoted',
      async () => {
        await send();
        return (await replica?.redis.role())?.[0] === 'master';
      },
      30_000,
    );
    const after = values.length;
    while (values.length < after + 100) await send();
    expect(await Promise.all(values)).toEqual(values.map((_, n) => n));
    await eventually(() => app.inspect.ping()).toEqual({ first: { ok: 'pong' } });
  });
});

describe.skipIf(!nativeServer)(`sentinels that hand over (${needsSentinels})`, () => {
  test('take everybody along, also where they want a password', { timeout: 60_000 }, async () => {
    await using sentinels = await Sentinels.start({ login: 'secret' });
    const app = sentinels.app({ broker: sentinels.urlWith('secret') });
    const double = app.task('double', (n: number) => n * 2);
    await workerOf(app, { name: 'one' });
    expect(await double.delay(1).get()).toBe(2);
    // A sentinel asks servers for news every ten seconds, and until then takes no replica to be fit.
    await until(
      'a sentinel has begun to hand over',
      () =>
        sentinels.sentinels[0]?.redis.call('SENTINEL', 'FAILOVER', 'mymaster').catch(() => false),
      30_000,
    );
    await until(
      'the replica was promoted',
      async () => (await sentinels.servers[1]?.redis.role())?.[0] === 'master',
      30_000,
    );
    await until(
      'the first is its replica',
      async () => (await sentinels.servers[0]?.redis.role())?.[0] === 'slave',
    );
    expect(await double.delay(2).get()).toBe(4);
    await eventually(async () => Object.keys(await app.inspect.ping())).toEqual(['one']);
    expect(await timed(() => double.delay(3).get())).toBeLessThan(1_000);
    const wrong = new App('wrong', { broker: sentinels.urlWith('other'), sendTimeout: '1s' });
    onTestFinished(() => wrong.close());
    await expect(wrong.sendTask('double', [1])).rejects.toThrow('WRONGPASS');
  });
});
