/** What comes with the completion of the task before it: the next job is fetched so, whatever it is. */
import { currentTask, Ignore, Retry } from 'dtask';
import { FlowProducer, Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { until } from '../support/until.js';
import { eventually } from './eventually.js';
import { Gate } from './gate.js';
import { app } from './own-app.js';
import { stage } from './own-stage.js';
import { messageKey } from './stage.js';

const soon = { timeout: '10s' } as const;

/** The ids that ran, in order, once for each run. */
let ran: string[];
beforeEach(() => {
  ran = [];
  app.task('note', () => {
    ran.push(currentTask().id);
    return currentTask().id;
  });
  app.task('noteLater', async () => {
    await Promise.resolve();
    ran.push(currentTask().id);
  });
  app.task('fail', () => {
    ran.push(currentTask().id);
    throw new Error('no');
  });
  app.task('retry', () => {
    ran.push(currentTask().id);
    if (currentTask().retries === 0) throw new Retry({ countdown: 0 });
  });
  app.task('ignore', () => {
    ran.push(currentTask().id);
    throw new Ignore();
  });
});

const send = (name: string, id: string) => app.sendTask(name, [], { id });

/** How many jobs are kept, in whatever state, without those that failed. */
async function left(): Promise<number> {
  const { waiting, delayed, active } = await app.queues.counts('default');
  return waiting + delayed + active;
}

/** Puts a job beside the tasks, as another program would. */
async function plant(use: (connection: Redis) => Promise<unknown>): Promise<void> {
  const connection = new Redis(stage.engine.url, { maxRetriesPerRequest: null });
  onTestFinished(() => connection.disconnect());
  await use(connection);
}

test('every outcome leaves the rest of the queue to run, each task once and in order', async () => {
  const names = [
    'note',
    'fail',
    'note',
    'ignore',
    'noteLater',
    'note',
    'retry',
    'fail',
    'noteLater',
  ];
  const ids = Array.from({ length: 90 }, (_, at) => `t${at}`);
  const sent = [];
  for (const [at, id] of ids.entries()) {
    sent.push(await send(names[at % names.length] as string, id));
  }
  await stage.worker(app, { concurrency: 1 });
  const states = await Promise.all(
    sent.map(async (result) => {
      await result.get({ timeout: '20s', propagate: false });
      return result.state();
    }),
  );
  expect(states.filter((state) => state === 'SUCCESS')).toHaveLength(60);
  expect(states.filter((state) => state === 'FAILURE')).toHaveLength(20);
  expect(states.filter((state) => state === 'IGNORED')).toHaveLength(10);
  // A retry runs behind what waits already.
  const first = ran.filter((id, at) => ran.indexOf(id) === at);
  expect(first).toEqual(ids);
  expect(ran).toHaveLength(100);
  await until('the queue is empty', async () => (await left()) === 0);
});

test('an id that is not ASCII is completed like any other', async () => {
  const ids = ['a', 'grüße', 'b', '数据', 'c'];
  const sent = [];
  for (const id of ids) sent.push(await send('note', id));
  await stage.worker(app, { concurrency: 1 });
  expect(await Promise.all(sent.map((result) => result.get({ timeout: '10s' })))).toEqual(ids);
  await until('the queue is empty', async () => (await left()) === 0);
});

test('a server that forgot its scripts is given them again, and no task runs twice', async () => {
  await stage.worker(app, { concurrency: 4 });
  const ids = Array.from({ length: 200 }, (_, at) => `s${at}`);
  const results = ids.map(async (id, at) => {
    if (at % 50 === 25) await stage.redis.script('FLUSH');
    return (await send('note', id)).get({ timeout: '20s' });
  });
  expect(await Promise.all(results)).toEqual(ids);
  expect(ran.toSorted()).toEqual(ids.toSorted());
});

test('a job that says it is of a schedule, and of none that there is, runs like any other', async () => {
  const sent = [];
  for (const id of ['before', 'odd', 'after']) sent.push(await send('note', id));
  await stage.redis.hset(messageKey(app, 'default', 'odd'), 'rjk', 'every-second');
  await stage.worker(app, { concurrency: 1 });
  for (const result of sent) await result.get(soon);
  expect(ran).toEqual(['before', 'odd', 'after']);
  await until('the queue is empty', async () => (await left()) === 0);
});

test("another program's job is set aside, and the tasks behind it run", async () => {
  const before = await send('note', 'before');
  await plant(async (connection) => {
    const queue = new Queue('{default}', { connection, prefix: app.config.prefix });
    await queue.add('mail', { to: 'x' }, { jobId: 'foreign', attempts: 3, keepLogs: 5 });
    await queue.close();
  });
  const after = await send('note', 'after');
  await stage.worker(app, { concurrency: 1 });
  await Promise.all([before, after].map((result) => result.get({ timeout: '10s' })));
  expect(ran).toEqual(['before', 'after']);
  expect((await app.queues.counts('default')).failed).toBe(1);
});

test.each([
  ['a parent that is not JSON', { parent: 'mother' }],
  ['progress that is not JSON', { progress: 'half' }],
  ['traces that are not JSON', { stacktrace: 'at line 1' }],
  ['options that are not JSON', { opts: 'fast' }],
  ['options that ask for retries', { opts: '{"attempts":5}' }],
  ['data that is not JSON', { data: 'x' }],
])('a job with %s is set aside on first sight, and the tasks around it run', async (_what, odd) => {
  const before = await send('note', 'before');
  const key = messageKey(app, 'default', 'odd');
  await stage.redis
    .multi()
    .hset(key, { name: 'note', data: '{"x":1}', opts: '{}', timestamp: '1', ...odd })
    .lpush(messageKey(app, 'default', 'wait'), 'odd')
    .exec();
  const after = await send('note', 'after');
  await stage.worker(app, { concurrency: 1 });
  await Promise.all([before, after].map((result) => result.get({ timeout: '10s' })));
  expect(ran).toEqual(['before', 'after']);
  expect(await stage.redis.hgetall(key)).toMatchObject({ ats: '1', atm: '1' });
  await until('the queue is empty', async () => (await left()) === 0);
});

test("a flow's child that dtask refuses fails its parent, as the flow asks for", async () => {
  const before = await send('note', 'before');
  await plant(async (connection) => {
    const flow = new FlowProducer({ connection, prefix: app.config.prefix });
    await flow.add({
      name: 'parent',
      queueName: 'elsewhere',
      opts: { jobId: 'parent' },
      children: [
        {
          name: 'child',
          queueName: '{default}',
          opts: { jobId: 'child', failParentOnFailure: true },
        },
      ],
    });
    await flow.close();
  });
  const after = await send('note', 'after');
  await stage.worker(app, { concurrency: 1 });
  await Promise.all([before, after].map((result) => result.get({ timeout: '10s' })));
  const parent = `${app.config.prefix}:elsewhere:parent`;
  await until('the parent knows', async () => (await stage.redis.hexists(parent, 'defa')) === 1);
});

test('a caller who makes one call at a time costs a script for each step, however many workers wait', async () => {
  await stage.worker(app, { concurrency: 50 });
  await stage.worker(app, { concurrency: 50 });
  const call = async (id: string): Promise<unknown> => (await send('note', id)).get(soon);
  for (let at = 0; at < 20; at += 1) await call(`first${at}`);
  const before = await scriptsRun();
  for (let at = 0; at < 100; at += 1) expect(await call(`alone${at}`)).toBe(`alone${at}`);
  // Sent, fetched, told, completed; and now and then a worker looks that was woken for nothing.
  expect((await scriptsRun()) - before).toBeLessThan(450);
});

test('a delayed task comes due behind a call that came meanwhile, to a worker that has no other', async () => {
  await stage.worker(app);
  const delayed = await app.sendTask('note', [], { id: 'later', countdown: '1s' });
  // The worker has seen when it is due, and waits until then.
  await until('the sign is gone', async () => (await signs()) === 0);
  expect(await (await send('note', 'meanwhile')).get(soon)).toBe('meanwhile');
  // A worker that had forgotten it would look again after five seconds.
  expect(await delayed.get({ timeout: '4s' })).toBe('later');
});

test('the only task of a worker leaves room for the next ones while it runs', async () => {
  const gate = new Gate();
  app.task('held', () => gate.passed);
  await stage.worker(app, { concurrency: 2 });
  const held = await send('held', 'held');
  await eventually(() => held.state()).toBe('STARTED');
  for (let at = 0; at < 10; at += 1) await (await send('note', `beside${at}`)).get(soon);
  gate.open();
  await held.get(soon);
  expect(ran).toHaveLength(10);
});

test('a server that has forgotten the scripts is given them again, whoever needs one first', async () => {
  await stage.worker(app, { concurrency: 2 });
  for (let at = 0; at < 12; at += 1) {
    await stage.redis.script('FLUSH');
    expect(await (await send('note', `anew${at}`)).get(soon)).toBe(`anew${at}`);
  }
});

test('tasks that end at a time are completed by fewer requests than there are of them', async () => {
  const ids = Array.from({ length: 400 }, (_, at) => `many${at}`);
  const sent = await Promise.all(ids.map((id) => send('note', id)));
  const before = await scriptsRun();
  await stage.worker(app, { concurrency: 50 });
  expect(await Promise.all(sent.map((result) => result.get({ timeout: '20s' })))).toEqual(ids);
  await until('the queue is empty', async () => (await left()) === 0);
  expect(ran.toSorted()).toEqual(ids.toSorted());
  // Each by itself would be 400 for the completions alone.
  expect((await scriptsRun()) - before).toBeLessThan(200);
});

test('delayed tasks come due while a long queue is worked off', async () => {
  const ids = Array.from({ length: 2_000 }, (_, at) => `long${at}`);
  const sent = await Promise.all(ids.map((id) => send('note', id)));
  const due = ids.slice(0, 40).map((id) => `due-${id}`);
  const delayed = due.map((id) => app.sendTask('note', [], { id, countdown: 1 }));
  await Promise.all(delayed);
  await stage.worker(app, { concurrency: 50 });
  const all = [...sent, ...delayed].map((result) => result.get({ timeout: '20s' }));
  expect(await Promise.all(all)).toEqual([...ids, ...due]);
  expect(ran.toSorted()).toEqual([...ids, ...due].toSorted());
});

test('one whose completion Redis refuses keeps no other of those completed with it', async () => {
  const ids = Array.from({ length: 60 }, (_, at) => `with${at}`);
  const sent = await Promise.all(ids.map((id) => send('note', id)));
  // BullMQ's script looks there for a set.
  await stage.redis.set(`${messageKey(app, 'default', 'with10')}:dependencies`, 'no set');
  await stage.worker(app, { concurrency: 30 });
  await Promise.all(sent.map((result) => result.get({ timeout: '20s' })));
  await until('no task is left', async () => (await left()) === 0);
  expect(ran.toSorted()).toEqual(ids.toSorted());
  expect((await app.queues.counts('default')).failed).toBe(1);
});

test('a job that was taken away while it ran is no trouble for those that end with it', async () => {
  const ids = Array.from({ length: 40 }, (_, at) => `gone${at}`);
  app.task('takeAway', async (id: string) => {
    ran.push(currentTask().id);
    await stage.redis.del(messageKey(app, 'default', id));
  });
  const sent = await Promise.all(
    ids.map((id) => app.sendTask('takeAway', [id === 'gone7' ? id : 'nothing'], { id })),
  );
  await stage.worker(app, { concurrency: 40 });
  await Promise.all(sent.map((result) => result.get({ timeout: '20s' })));
  await until('no other task is left', async () => (await left()) <= 1);
  expect(ran.toSorted()).toEqual(ids.toSorted());
  expect((await app.queues.counts('default')).failed).toBe(0);
});

/** How many signs say that there is a job, or when there will be one. */
const signs = (): Promise<number> => stage.redis.zcard(`${app.config.prefix}:{default}:marker`);

/** How many scripts the server has been asked to run. */
async function scriptsRun(): Promise<number> {
  const stats = await stage.redis.info('commandstats');
  return Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
}
