/** Workers in processes of their own, killed and stopped while limits and deliveries are at stake. */
import { describe, expect, it } from 'vitest';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';
import { Watch } from '../events/watch.js';
import { hire, short } from './hire.js';

const soon = { timeout: '25s' } as const;
const long = { timeout: '20s' } as const;

it('the place of a task whose worker was killed is its own again, and then the next one’s', async () => {
  const stage = setStage(engine.url);
  const { app, trace } = stage;
  const first = await hire(stage, ...short);
  const held = await app.sendTask('alone', ['held']);
  await trace.started('held');
  const next = await app.sendTask('alone', ['next']);
  await until('it waits', async () => (await app.queues.counts('default')).delayed === 1);
  await hire(stage, ...short);
  await first.kill();
  for (const mark of ['held', 'next']) trace.open(mark);
  expect(await held.get(soon)).toBe('done');
  expect(await next.get(soon)).toBe('done');
  expect(trace.starts('held')).toHaveLength(2);
});

it('the place of a task that is revoked after its worker was killed is freed within seconds', async () => {
  const stage = setStage(engine.url);
  const { app, trace } = stage;
  const first = await hire(stage, ...short);
  const held = await app.sendTask('alone', ['held']);
  await trace.started('held');
  await first.kill();
  await until('its lock has lapsed', async () => held.revoke());
  trace.open('next');
  await hire(stage, ...short);
  const next = await app.sendTask('alone', ['next']);
  expect(await next.get(soon)).toBe('done');
});

describe.each(['inline', 'threads', 'processes'])('a worker with a pool of kind %s', (pool) => {
  it('that is told to stop at once fails what is delivered at most once, and hands the rest back', async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    const first = await hire(stage, '-P', pool, '-c', '2');
    const once = await app.sendTask('once', ['once']);
    const again = await app.sendTask('deaf', ['again']);
    await Promise.all(['once', 'again'].map((mark) => trace.started(mark)));
    first.signal('SIGTERM');
    await first.logged(/^stopping when/);
    first.signal('SIGTERM');
    expect(await once.get({ ...soon, propagate: false })).toMatchObject({
      name: 'WorkerLostError',
      message: expect.stringContaining('was stopped while it ran') as string,
    });
    await first.ended;
    trace.open('again');
    await hire(stage, ...short);
    expect(await again.get(soon)).toBe('done');
    await until('nothing runs', async () => (await app.queues.counts('default')).active === 0);
    expect((await app.queues.counts('default')).failed).toBe(1);
    expect(trace.starts('once')).toHaveLength(1);
    expect(trace.starts('again')).toHaveLength(2);
  });

  it('logs a hook that throws', async () => {
    const stage = setStage(engine.url);
    const worker = await hire(stage, '-P', pool, '-c', '1');
    expect(await stage.app.sendTask('throwing').get(soon)).toBe('fine');
    const line = await worker.logged(/the hook onSuccess threw/);
    expect(line).toMatchObject({ err: { message: 'a hook that throws' } });
  });
});

describe.each(['threads', 'processes'])('of a pool of %s', (pool) => {
  it('inspect shows what runs in its children, and which there are', async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    await hire(stage, '-P', pool, '-c', '2', '-n', 'one');
    const burning = await app.sendTask('burn', ['burning']);
    const gated = await app.sendTask('deaf', ['gated']);
    const started = await Promise.all(['burning', 'gated'].map((mark) => trace.started(mark)));
    const active = answered((await app.inspect.active(long))['one']);
    expect(active.map(({ id }) => id).sort()).toEqual([burning.id, gated.id].sort());
    expect(await app.inspect.reserved(long)).toEqual({ one: [] });
    const stats = answered((await app.inspect.stats(long))['one']);
    const { processes } = stats.pool as { readonly processes?: readonly number[] };
    expect(processes).toHaveLength(2);
    const pids = started.flat().map(({ pid }) => pid);
    if (pool === 'processes') expect(new Set(processes)).toEqual(new Set(pids));
    expect(stats.total).toMatchObject({ burn: 1, deaf: 1 });
    await app.control.terminate(burning.id, long);
    trace.open('gated');
    expect(await gated.get(soon)).toBe('done');
    await until(
      'nothing is active',
      async () => answered((await app.inspect.active(long))['one']).length === 0,
    );
  });

  it('events tell of a task that was killed, timed out, or has killed its process', async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    await hire(stage, '-P', pool, '-c', '2', '--events');
    const watch = new Watch(app);
    const killed = await app.sendTask('burn', ['killed']);
    await trace.started('killed');
    await app.control.terminate(killed.id, long);
    const late = await app.sendTask('deaf', ['late'], { timeLimit: 200 });
    await watch.had(killed.id, 'task-revoked');
    await watch.had(late.id, 'task-failed');
    expect(watch.typesOf(killed.id)).toEqual(['task-received', 'task-started', 'task-revoked']);
    expect(watch.typesOf(late.id)).toEqual(['task-received', 'task-started', 'task-failed']);
    expect(await watch.seen('it', (event) => event.type === 'task-revoked')).toMatchObject({
      reason: 'terminated',
      terminated: true,
    });
    if (pool === 'threads') return;
    const crashing = await app.sendTask('kill.itself', ['crashing']);
    await watch.had(crashing.id, 'task-failed');
    const once = ['task-received', 'task-started'];
    const crash = [...once, 'task-rejected'];
    expect(watch.typesOf(crashing.id)).toEqual([...crash, ...crash, ...once, 'task-failed']);
  });
});

/** What a worker answered; throws where it had none, or an error. */
function answered<T extends object>(answer: T | undefined): Exclude<T, { error: string }> {
  if (answer && !('error' in answer)) return answer as Exclude<T, { error: string }>;
  throw new Error(`no answer: ${JSON.stringify(answer)}`);
}
