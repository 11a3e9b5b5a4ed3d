/** Calls that Redis refuses: each says that it was not sent, and none runs when Redis takes calls again. */
import { chain, group } from 'dtask';
import { testWorker } from 'dtask/testing';
import { expect, onTestFinished, test } from 'vitest';
import { engine } from '../support/own-engine.js';
import { setStage, type Stage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';

/** How Redis comes to refuse what is written, and how it takes it again. */
interface Refusal {
  readonly begin: (stage: Stage) => Promise<unknown>;
  readonly end: (stage: Stage) => Promise<unknown>;
}

const refusals: Record<string, Refusal> = {
  OOM: {
    begin: ({ redis }) => redis.config('SET', 'maxmemory', '1'),
    end: ({ redis }) => redis.config('SET', 'maxmemory', '0'),
  },
  READONLY: {
    begin: ({ redis }) => redis.call('REPLICAOF', '127.0.0.1', '1'),
    end: ({ redis }) => redis.call('REPLICAOF', 'NO', 'ONE'),
  },
  NOREPLICAS: {
    begin: ({ redis }) => redis.config('SET', 'min-replicas-to-write', '1'),
    end: ({ redis }) => redis.config('SET', 'min-replicas-to-write', '0'),
  },
  NOPERM: {
    begin: ({ redis }) => redis.call('ACL', 'SETUSER', 'default', '-evalsha', '-eval'),
    end: ({ redis }) => redis.call('ACL', 'SETUSER', 'default', '+@all'),
  },
  BUSY: {
    begin: async ({ redis }) => {
      await redis.config('SET', 'busy-reply-threshold', '1');
      const other = redis.duplicate();
      onTestFinished(() => other.disconnect());
      // It ends when it is killed.
      other.eval('while true do end', 0).catch(() => undefined);
      await until('Redis is busy', () =>
        redis.get('any').then(
          () => false,
          (error: Error) => error.message.startsWith('BUSY'),
        ),
      );
    },
    end: ({ redis }) => redis.script('KILL'),
  },
  NOAUTH: {
    begin: async ({ redis, app }) => {
      await redis.config('SET', 'requirepass', 'secret');
      await redis.call('AUTH', 'secret');
      await redis.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      // What is written ahead of that may have been taken, as far as the caller knows.
      await until('the caller knows', () =>
        app.queues.names().then(
          () => false,
          (error: Error) => error.message.includes('NOAUTH'),
        ),
      );
    },
    end: ({ redis }) => redis.config('SET', 'requirepass', ''),
  },
};

test.each(Object.keys(refusals))('by %s', async (code) => {
  const stage = setStage(engine.url, { sendTimeout: '1s' });
  const { app } = stage;
  const { begin, end } = refusals[code] as Refusal;
  const tasks = {
    one: app.task('one', (x: number) => x),
    packed: app.task('packed', (x: number) => x, { batch: true }),
  };
  await tasks.one.delay(0);
  await app.queues.purge('default');
  await begin(stage);
  const calls: Record<string, Promise<unknown>> = {
    delay: tasks.one.delay(1).then(),
    countdown: tasks.one.applyAsync([1], { countdown: 10 }).then(),
    priority: tasks.one.applyAsync([1], { priority: 5 }).then(),
    unique: tasks.one.applyAsync([1], { unique: true }).then(),
    named: tasks.one.applyAsync([1], { id: 'mine' }).then(),
    quiet: tasks.one.applyAsync([1], { ignoreResult: true }).then(),
    packed: Promise.all([tasks.packed.delay(1), tasks.packed.delay(2)]),
    chain: chain(tasks.one.s(1), tasks.one.s()).delay().then(),
    group: group([tasks.one.s(1), tasks.one.s(2)])
      .delay()
      .then(),
    sendTask: app.sendTask('elsewhere', [1]).then(),
  };
  const errors = await Promise.all(Object.values(calls).map((call) => rejection(call)));
  await end(stage);
  expect(errors).toEqual(
    Object.keys(calls).map(() =>
      expect.objectContaining({ name: 'BrokerError', outcome: 'not-sent' }),
    ),
  );
  for (const { message } of errors) {
    expect(message).toContain(code);
    expect(message).toContain('was not sent');
  }
  // What is sent behind them is all that is there.
  await until('a call is taken', () => tasks.one.delay(9).catch(() => undefined));
  const { waiting, delayed, active } = await app.queues.counts('default');
  expect({ waiting, delayed, active }).toEqual({ waiting: 1, delayed: 0, active: 0 });
});

test('by none, however often the server loses its scripts', { timeout: 60_000 }, async () => {
  const { app, redis } = setStage(engine.url);
  const one = app.task('one', (x: number) => x);
  const packed = app.task('packed', (x: number) => x, { batch: true });
  await using _worker = await testWorker(app, { concurrency: 8 });
  const unhandled: unknown[] = [];
  const hear = (error: unknown): unknown => unhandled.push(error);
  process.on('unhandledRejection', hear);
  onTestFinished(() => void process.off('unhandledRejection', hear));
  let isOver = false;
  const flushing = (async () => {
    while (!isOver) await redis.script('FLUSH');
  })();
  try {
    for (let round = 0; round < 15; round += 1) {
      const calls = Array.from({ length: 20 }, (_, x) => [
        one.delay(x),
        packed.delay(x),
        one.applyAsync([x], { countdown: 5 }),
        one.applyAsync([x], { priority: 2 }),
      ]);
      const values = await Promise.all(calls.flat().map((call) => call.get({ timeout: '30s' })));
      expect(values).toEqual(calls.flatMap((some, x) => some.map(() => x)));
    }
  } finally {
    isOver = true;
    await flushing;
  }
  expect(unhandled).toEqual([]);
});
