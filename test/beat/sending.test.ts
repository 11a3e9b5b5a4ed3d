/** What sending a tick does beside: hooks, middleware, results, and a second time. */
import { type App, currentTask } from 'dtask';
import { expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { stage } from '../behaviour/own-stage.js';
import { beatKey, entryThat, startBeat } from './beats.js';

/** Lets the last tick of an entry be due again, as where its beat died before it noted that it was sent. */
async function forgetSending(app: App, name: string): Promise<void> {
  const { redis } = stage;
  const states = beatKey(app, 'states');
  const { lastTick, ...state } = JSON.parse((await redis.hget(states, name)) ?? '{}') as {
    lastTick: number;
  };
  const text = JSON.stringify({ ...state, ticks: 0, runs: 0, tick: lastTick, fireAt: lastTick });
  await redis.multi().hset(states, name, text).zadd(beatKey(app, 'due'), lastTick, name).exec();
}

it.each([
  ['whose result expires soon', { resultExpires: '100ms' }],
  ['whose result is ignored', { ignoreResult: true }],
  ['that fails', { args: ['fail'] }],
  ['that is unique', { unique: true }],
  ['in another queue', { queue: 'other' }],
] as const)(
  'a tick that is sent again is not executed again: of a task %s',
  async (_what, options) => {
    const app = stage.app({
      beat: { entry: { task: 'note', every: '200ms', limit: 1, ...options } },
    });
    const ids: string[] = [];
    app.task('note', (what?: string) => {
      ids.push(currentTask().id);
      if (what === 'fail') throw new Error('on purpose');
    });
    await stage.worker(app, { queues: ['default', 'other'] });
    await startBeat(app);
    const { lastId = '' } = await entryThat(app, 'entry', ({ runs }) => runs === 1);
    const record = `${app.config.prefix}:r:${lastId}`;
    await eventually(() => stage.redis.exists(record)).toBe(1);
    // Long enough for whoever takes over to find it.
    expect(await stage.redis.pttl(record)).toBeGreaterThan(30_000);
    await forgetSending(app, 'entry');
    const again = await entryThat(app, 'entry', ({ runs }) => runs === 1);
    expect(again.lastId).toBe(lastId);
    const { redis } = stage;
    const queue = 'queue' in options ? options.queue : 'default';
    await eventually(() => redis.llen(`${app.config.prefix}:{${queue}}:wait`)).toBe(0);
    await eventually(() => redis.llen(`${app.config.prefix}:{${queue}}:active`)).toBe(0);
    expect(ids).toEqual([lastId]);
  },
);

it('a tick of a task that was revoked while it waited is not executed when it is sent again', async () => {
  const app = stage.app({ beat: { entry: { task: 'note', every: '200ms', limit: 1 } } });
  let runs = 0;
  app.task('note', () => {
    runs += 1;
  });
  await startBeat(app);
  const { lastId = '' } = await entryThat(app, 'entry', (entry) => entry.runs === 1);
  await app.control.revoke(lastId);
  await forgetSending(app, 'entry');
  await entryThat(app, 'entry', (entry) => entry.runs === 1);
  await stage.worker(app);
  await eventually(async () => (await app.queues.counts('default')).waiting).toBe(0);
  expect(await app.result(lastId).state()).toBe('REVOKED');
  expect(runs).toBe(0);
});

it('hooks and middleware see a tick as any call, ahead of its run', async () => {
  const seen: string[] = [];
  const app = stage.app({ beat: { entry: { task: 'note', every: '200ms', limit: 1 } } });
  app.task('note', () => void seen.push(`run in ${currentTask().queue}`));
  app.use({
    publish: async (publication, next) => {
      seen.push(`middleware ${publication.name}`);
      publication.queue = 'moved';
      await next();
    },
  });
  app.on('beforePublish', ({ id }) => void seen.push(`before ${typeof id}`));
  await stage.worker(app, { queues: ['moved'] });
  await startBeat(app);
  await eventually(() => seen).toEqual(['middleware note', 'before string', 'run in moved']);
  expect((await entryThat(app, 'entry', ({ runs }) => runs === 1)).lastId).toBeDefined();
});

it('middleware that throws shows in the list, and holds no other entry up', async () => {
  const app = stage.app({
    beat: {
      bad: { task: 'bad', every: '150ms' },
      good: { task: 'good', every: '150ms' },
    },
  });
  app.use({
    publish: (publication, next) => {
      if (publication.name === 'bad') throw new Error('not this one');
      return next();
    },
  });
  await startBeat(app);
  await entryThat(app, 'good', ({ runs }) => runs >= 3);
  const { error, runs } = await entryThat(app, 'bad', (entry) => entry.error !== undefined);
  expect(error).toContain('not this one');
  expect(runs).toBe(0);
});
