/** Ending tasks from outside: that wait, that run, that are still to come, with workers or without. */
import { type AsyncResult, chord, ConfigError, group, TaskRevokedError } from 'dtask';
import { describe, expect, it } from 'vitest';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { hire } from './hire.js';

const long = { timeout: '60s' } as const;
const soon = { timeout: '15s' } as const;

/** A stage without workers, and the tasks by which its App calls those that workers have. */
function fromStage() {
  const stage = setStage(engine.url);
  const note = stage.app.task('note', (mark: string) => mark);
  const gated = stage.app.task('gated', (mark: string) => mark);
  const { app, trace, redis, prefix } = stage;
  return { stage, app, trace, redis, prefix, note, gated };
}

describe('tasks that wait', () => {
  it('are ended while no worker lives, and one that comes later does not run them', async () => {
    const { stage, app, trace, note } = fromStage();
    const [waiting, delayed, urgent, kept] = await Promise.all([
      note.delay('waiting'),
      note.applyAsync(['delayed'], { countdown: 50 }),
      note.applyAsync(['urgent'], { priority: 3, queue: 'other' }),
      note.delay('kept'),
    ]);
    const told = rejection(waiting.get(soon));
    const ended = await app.control.revoke([waiting.id, delayed.id, urgent.id, 'nowhere'], long);
    expect(ended).toEqual({ removed: 3, running: 0, workers: {} });
    expect(await told).toBeInstanceOf(TaskRevokedError);
    await hire(stage, '-Q', 'default,other');
    expect(await kept.get(soon)).toBe('kept');
    for (const mark of ['waiting', 'delayed', 'urgent']) expect(trace.starts(mark)).toEqual([]);
    for (const result of [waiting, delayed, urgent]) expect(await result.state()).toBe('REVOKED');
  });

  it('are not ended by a list that has none of them', async () => {
    const { app } = fromStage();
    expect(await app.control.revoke([])).toEqual({ removed: 0, running: 0, workers: {} });
  });

  it('leave nothing behind in Redis but their result', async () => {
    const { app, redis, prefix, note } = fromStage();
    const result = await note.delay('gone');
    await app.control.revoke(result.id);
    const keys = (await redis.keys(`${prefix}:*`)).filter((key) => key.includes(result.id));
    expect(keys).toEqual([`${prefix}:r:${result.id}`]);
  });

  it('are thousands as well', async () => {
    const { app, note } = fromStage();
    const sent = await Promise.all([...Array(2_500).keys()].map((n) => note.delay(`many-${n}`)));
    const ended = await app.control.revoke(sent.map(({ id }) => id));
    expect(ended).toMatchObject({ removed: 2_500, running: 0 });
    expect(await app.queues.counts('default')).toMatchObject({ waiting: 0 });
  });
});

describe('a task that runs', () => {
  it('has its signal fired, by the worker that runs it', async () => {
    const { stage, app, trace, gated } = fromStage();
    await Promise.all([hire(stage, '-n', 'one'), hire(stage, '-n', 'two')]);
    const result = await gated.delay('running');
    await trace.started('running');
    const { removed, running, workers } = await app.control.revoke(result.id, long);
    expect({ removed, running }).toEqual({ removed: 0, running: 1 });
    expect(Object.values(workers).sort(byOk)).toEqual([
      { ok: `revoke: ${result.id}` },
      { ok: 'tasks unknown' },
    ]);
    await until('its code has heard it', () => trace.ends('running') === 1);
    const revoked = Object.values(await app.inspect.revoked(long));
    expect(revoked).toContainEqual({ ids: [result.id], rules: [] });
  });

  it(
    'is marked in Redis, and a mark that asks for its death is not weakened',
    { timeout: 40_000 },
    async () => {
      const { stage, app, trace, redis } = fromStage();
      const worker = await hire(stage);
      const result = await app.sendTask('parent', ['marked']);
      await trace.started('marked');
      await worker.kill();
      const mark = async (): Promise<unknown> =>
        JSON.parse((await redis.hget(stage.key(result.id), 'rv')) ?? 'null') as unknown;
      expect(await mark()).toBeNull();
      expect(await result.revoke()).toBe(true);
      expect(await mark()).toEqual({});
      await app.control.terminate(result.id, { reason: 'too late', timeout: '200ms' });
      expect(await mark()).toEqual({ terminate: true, reason: 'too late' });
      await app.control.revoke(result.id, { timeout: '200ms' });
      expect(await mark()).toEqual({ terminate: true, reason: 'too late' });
      // Whoever finds the task without a worker ends it, and with the job goes the mark.
      await hire(stage);
      expect(await rejection(result.get(soon))).toMatchObject({ name: 'TaskRevokedError' });
      expect(trace.starts('marked')).toHaveLength(1);
      await until('the job is gone', async () => (await redis.exists(stage.key(result.id))) === 0);
      expect(await result.revoke()).toBe(false);
    },
  );

  it(
    'whose worker has died is taken out once it is found without one',
    { timeout: 40_000 },
    async () => {
      const { stage, note, gated } = fromStage();
      const worker = await hire(stage);
      const result = await gated.delay('orphan');
      await stage.trace.started('orphan');
      await worker.kill();
      await until('its lock has lapsed', async () => (await result.state()) !== 'STARTED', 20_000);
      expect(await result.revoke()).toBe(true);
      expect(await rejection(result.get(soon))).toBeInstanceOf(TaskRevokedError);
      await hire(stage);
      expect(await note.delay('after').then((after) => after.get(soon))).toBe('after');
      expect(stage.trace.starts('orphan')).toHaveLength(1);
    },
  );
});

describe('a rule by a header', () => {
  it('ends those that wait, and those that are sent while it holds; others run', async () => {
    const { stage, app, trace, note } = fromStage();
    const send = (mark: string, headers: Record<string, unknown>) =>
      note.applyAsync([mark], { headers });
    const waiting = await send('w-acme', { tenant: 'acme' });
    const other = await send('w-other', { tenant: 'other' });
    const ended = await app.control.revokeByHeaders({ tenant: ['acme', 7], beta: true }, long);
    expect(ended).toMatchObject({ removed: 1, running: 0 });
    expect(await waiting.state()).toBe('REVOKED');
    await hire(stage);
    const later = await Promise.all([
      send('l-acme', { tenant: 'acme' }),
      send('l-seven', { tenant: 7 }),
      send('l-list', { tenant: ['x', 'acme'] }),
      send('l-beta', { beta: true }),
    ]);
    const spared = await Promise.all([
      send('s-other', { tenant: 'other' }),
      send('s-text', { tenant: '7' }),
      send('s-beta', { beta: false }),
      send('s-none', {}),
    ]);
    for (const result of later)
      expect(await rejection(result.get(soon))).toBeInstanceOf(TaskRevokedError);
    for (const result of [other, ...spared])
      expect(await result.get(soon)).toEqual(expect.any(String));
    for (const mark of ['w-acme', 'l-acme', 'l-seven', 'l-list', 'l-beta'])
      expect(trace.starts(mark)).toEqual([]);
  });

  it('reaches the tasks that run', async () => {
    const { stage, app, trace, gated } = fromStage();
    await hire(stage);
    await gated.applyAsync(['under'], { headers: { tenant: 'acme' } });
    await trace.started('under');
    const ended = await app.control.revokeByHeaders({ tenant: 'acme' }, long);
    expect(ended).toMatchObject({ removed: 0, running: 1 });
    await until('its code has heard it', () => trace.ends('under') === 1);
  });

  it('ends with its time, and goes from Redis', async () => {
    const { stage, app, redis, prefix, note } = fromStage();
    await hire(stage);
    await app.control.revokeByHeaders({ tenant: 'brief' }, { expires: '300ms', ...long });
    await until('the rule is over', async () => {
      const result = await note.applyAsync(['over'], { headers: { tenant: 'brief' } });
      return (await result.get({ propagate: false, ...soon })) === 'over';
    });
    await until('it is gone', async () => (await redis.exists(`${prefix}:revoked`)) === 0);
  });

  it('ends all that wait, however many and whatever waits between them', async () => {
    const { stage, app, trace, redis, prefix, note } = fromStage();
    const send = (mark: string, tenant: string, queue = 'default') =>
      note.applyAsync([mark], { headers: { tenant }, queue });
    const kept: PromiseLike<AsyncResult<string>>[] = [];
    const doomed: PromiseLike<AsyncResult<string>>[] = [];
    for (let n = 0; n < 4_500; n += 1) {
      if (n % 3 === 0) kept.push(send(`kept-${n}`, 'other'));
      else doomed.push(send(`doomed-${n}`, 'acme'));
    }
    await Promise.all(kept);
    await Promise.all(doomed);
    const ended = await app.control.revokeByHeaders({ tenant: 'acme' }, { expires: '100ms' });
    expect(ended).toEqual({ removed: 3_000, running: 0, workers: {} });
    expect(await app.queues.counts('default')).toMatchObject({ waiting: 1_500 });
    await until('the rule is over', async () => (await redis.exists(`${prefix}:revoked`)) === 0);
    await hire(stage);
    const results = await Promise.all(kept);
    await Promise.all(results.map((result) => result.get({ timeout: '60s' })));
    for (const result of await Promise.all(doomed)) expect(await result.state()).toBe('REVOKED');
    expect(results.map((_, n) => trace.starts(`kept-${n * 3}`).length)).not.toContain(0);
    expect(trace.starts('doomed-1')).toEqual([]);
  });

  it('ends all that wait while another one does, tasks are sent, and a worker takes them', async () => {
    const { stage, app, note } = fromStage();
    const send = (count: number) =>
      Promise.all(
        [...Array(count).keys()].map((n) =>
          note.applyAsync([`busy-${n}`], { headers: { tenant: ['a', 'b', 'c'][n % 3] } }),
        ),
      );
    const sent = await send(6_000);
    const [a, b, more] = await Promise.all([
      app.control.revokeByHeaders({ tenant: 'a' }, long),
      app.control.revokeByHeaders({ tenant: 'b' }, long),
      send(600),
    ]);
    expect(a.removed).toBeGreaterThanOrEqual(2_000);
    expect(b.removed).toBeGreaterThanOrEqual(2_000);
    for (const [n, result] of sent.entries())
      expect(await result.state()).toBe(n % 3 === 2 ? 'PENDING' : 'REVOKED');
    await hire(stage);
    const [again] = await Promise.all([
      send(900),
      app.control.revokeByHeaders({ tenant: 'c' }, long),
    ]);
    // Those that the worker had taken before have run; every other one is ended.
    for (const result of [...sent, ...more, ...again])
      await result.get({ propagate: false, ...long });
  });

  it('that cannot be compared is refused', async () => {
    const { app } = fromStage();
    for (const headers of [{}, { tenant: {} }, { tenant: [null] }])
      expect(await rejection(app.control.revokeByHeaders(headers))).toBeInstanceOf(ConfigError);
    expect(await rejection(app.control.revokeRoot(''))).toBeInstanceOf(ConfigError);
    expect(await rejection(app.control.revoke(['']))).toBeInstanceOf(ConfigError);
  });

  it('that is damaged in Redis holds for nothing, and goes with the next one', async () => {
    const { stage, app, redis, prefix, note } = fromStage();
    await redis.hset(`${prefix}:revoked`, {
      'root:a': '{',
      'root:b': 'null',
      'root:c': '{"until":9e15}',
    });
    await hire(stage, '-n', 'one');
    expect(await note.delay('fine').then((fine) => fine.get(soon))).toBe('fine');
    await app.control.revokeRoot('d', long);
    expect(Object.keys(await redis.hgetall(`${prefix}:revoked`)).sort()).toEqual([
      'root:c',
      'root:d',
    ]);
    expect(await app.inspect.revoked(long)).toEqual({ one: { ids: [], rules: ['root:d'] } });
  });
});

describe('a wrong option', () => {
  it.each([
    [{ expire: '1s' }, /has no option "expire"; did you mean expires/],
    [{ terminate: 'yes' }, /terminate must be true or false, got "yes"/],
    [{ timeout: 'soon' }, /timeout must be a number of milliseconds/],
    [{ reason: 'why' }, /has no option "reason"/],
  ])('is refused before a rule is kept or a task ends: %j', async (options, message) => {
    const { app, redis, prefix, note } = fromStage();
    const { control } = app;
    const waiting = await note.applyAsync(['waiting'], { headers: { a: 'b' } });
    for (const revoke of [
      () => control.revokeByHeaders({ a: 'b' }, options as object),
      () => control.revokeGroup('some', options as object),
      () => control.revokeRoot(waiting.id, options as object),
    ]) {
      const error = await rejection(revoke());
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toMatch(message);
    }
    expect(await redis.exists(`${prefix}:revoked`)).toBe(0);
    expect(await waiting.state()).toBe('PENDING');
  });

  it('is refused where tasks are revoked by their ids or results, found or not', async () => {
    const { app, note } = fromStage();
    const { control } = app;
    const waiting = await note.delay('waiting');
    const parts = await group(note.s('part')).delay();
    const typo = { terminat: true } as object;
    for (const revoke of [
      () => control.revoke(['nowhere'], typo),
      () => control.revoke(waiting.id, typo),
      () => control.terminate(waiting.id, typo),
      () => waiting.revoke(typo),
      () => app.result('nowhere').revoke(typo),
      () => parts.revoke(typo),
    ]) {
      const error = await rejection(revoke());
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toContain('revoke has no option "terminat"; did you mean terminate?');
    }
    const reason = { reason: 5 } as object;
    expect(await rejection(control.revoke('nowhere', reason))).toBeInstanceOf(ConfigError);
    expect(await waiting.state()).toBe('PENDING');
    expect(await parts.waiting()).toBe(true);
  });
});

describe('a rule by a tree', () => {
  it('ends what a task calls later on, also by a worker that was not there when it was made', async () => {
    const { stage, app, trace } = fromStage();
    const first = await hire(stage, '-n', 'first');
    const root = await app.sendTask('parent', ['tree']);
    await trace.started('tree');
    await app.control.revokeRoot(root.id, { destination: 'nobody', ...long });
    await hire(stage, '-n', 'second');
    first.signal('SIGTERM');
    await first.logged(/^stopping when/);
    trace.open('tree');
    const child = await root.get(soon);
    expect(await rejection(app.result(String(child)).get(soon))).toBeInstanceOf(TaskRevokedError);
    expect(trace.starts('tree-child')).toEqual([]);
  });
});

describe('a rule by a group', () => {
  it('ends the parts that wait and those that are to come, of a lone group and of a chord', async () => {
    const { stage, app, note } = fromStage();
    const lone = await group(note.s('lone-1'), note.s('lone-2')).delay();
    const whole = await chord([note.s('head-1'), note.s('head-2')], note.si('body')).delay();
    const header = whole.parent!;
    const other = await group(note.s('spared')).delay();
    expect(await app.control.revokeGroup(lone.id, long)).toMatchObject({ removed: 2 });
    expect(await app.control.revokeGroup(header.id, long)).toMatchObject({ removed: 2 });
    await hire(stage);
    expect(await other.get(soon)).toEqual(['spared']);
    expect(await rejection(lone.get(soon))).toBeInstanceOf(TaskRevokedError);
    expect(await rejection(whole.get(soon))).toBeInstanceOf(Error);
    for (const mark of ['lone-1', 'lone-2', 'head-1', 'head-2', 'body'])
      expect(stage.trace.starts(mark)).toEqual([]);
  });

  it('ends the later steps of its parts', async () => {
    const { stage, app, trace, note, gated } = fromStage();
    await hire(stage);
    const result = await group(gated.s('step').pipe(note.si('next')), note.si('quick')).delay();
    await trace.started('step');
    await app.control.revokeGroup(result.id, long);
    trace.open('step');
    expect(await rejection(result.get(soon))).toBeInstanceOf(TaskRevokedError);
    expect(trace.starts('next')).toEqual([]);
  });
});

const byOk = (one: object, other: object): number =>
  JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
