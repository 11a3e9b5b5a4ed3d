/** Celery's facts on what workers and their children do; the number is that of the fact. */
import { describe, expect, it } from 'vitest';
import { hire, short } from '../seams/hire.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';

const soon = { timeout: '25s' } as const;
const long = { timeout: '20s' } as const;

describe.each(['threads', 'processes'])('with a pool of %s', (pool) => {
  it('T9: the soft limit can be caught; the hard one kills the child, and another takes its place', async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    await hire(stage, '-P', pool, '-c', '1');
    const caught = app.sendTask('softly', ['progress', 'x'], { softTimeLimit: 300 });
    expect(await caught.get(soon)).toBe('told by progress');
    const killed = await app.sendTask('burn', ['burn'], { timeLimit: 500 });
    expect(await rejection(killed.get(soon))).toMatchObject({ name: 'TimeLimitExceededError' });
    expect(await killed.state()).toBe('FAILURE');
    expect(await app.sendTask('quick', [1]).get(soon)).toBe(1);
    expect(trace.starts('burn')).toHaveLength(1);
  });
});

describe('a child that is lost', () => {
  it('T12: has its task run again, so many times; one that is delivered at most once fails at once', async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    await hire(stage, '-P', 'processes', '-c', '1');
    const late = await app.sendTask('kill.itself', ['late']);
    expect(await rejection(late.get(soon))).toMatchObject({ name: 'WorkerLostError' });
    expect(trace.starts('late')).toHaveLength(3);
    const early = await app.sendTask('kill.once', ['early']);
    expect(await rejection(early.get(soon))).toMatchObject({ name: 'WorkerLostError' });
    expect(trace.starts('early')).toHaveLength(1);
    expect(await early.state()).toBe('FAILURE');
  });
});

describe('a worker', () => {
  it('W3: replaces a child after its number of tasks', async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    await hire(stage, '-P', 'processes', '-c', '1', '--max-tasks-per-child', '2');
    for (let turn = 0; turn < 4; turn += 1) await app.sendTask('brief', ['turn', 0]).get(soon);
    const pids = trace.starts('turn').map(({ pid }) => pid);
    expect(new Set(pids).size).toBe(2);
    expect(pids[0]).toBe(pids[1]);
  });

  it('W4: takes no more tasks than it runs, however many are due', async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    await hire(stage, '-c', '1');
    const held = await app.sendTask('deaf', ['held']);
    await trace.started('held');
    const due = [1, 2, 3].map((n) => app.sendTask('quick', [n]));
    await until('they wait', async () => (await app.queues.counts('default')).waiting === 3);
    expect((await app.queues.counts('default')).active).toBe(1);
    trace.open('held');
    expect(await held.get(soon)).toBe('done');
    expect(await Promise.all(due.map((one) => one.get(soon)))).toEqual([1, 2, 3]);
  });

  it('W5: ends what runs at a first SIGTERM, and hands it back at a second one', async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    const warm = await hire(stage, '-n', 'warm');
    const one = await app.sendTask('deaf', ['warm']);
    await trace.started('warm');
    warm.signal('SIGTERM');
    await warm.logged(/^stopping when/);
    trace.open('warm');
    expect(await one.get(soon)).toBe('done');
    await warm.ended;
    const cold = await hire(stage, '-n', 'cold');
    const other = await app.sendTask('deaf', ['cold']);
    await trace.started('cold');
    cold.signal('SIGTERM');
    await cold.logged(/^stopping when/);
    cold.signal('SIGTERM');
    await cold.ended;
    trace.open('cold');
    await hire(stage, ...short);
    expect(await other.get(soon)).toBe('done');
    expect(trace.starts('warm')).toHaveLength(1);
    expect(trace.starts('cold')).toHaveLength(2);
  });

  it('W7: that starts later knows what was revoked before, by id and by rule', async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    const byId = await app.sendTask('brief', ['by-id', 0]);
    await app.control.revoke(byId.id, long);
    await app.control.revokeByHeaders({ tenant: 'acme' }, long);
    const byRule = await app.sendTask('brief', ['by-rule', 0], { headers: { tenant: 'acme' } });
    await hire(stage);
    for (const one of [byId, byRule])
      expect(await rejection(one.get(soon))).toMatchObject({ name: 'TaskRevokedError' });
    expect([...trace.starts('by-id'), ...trace.starts('by-rule')]).toEqual([]);
  });

  it('W8: goes on with a task that is revoked and does not listen, unless it is terminated', async () => {
    const stage = setStage(engine.url);
    const { app, trace } = stage;
    await hire(stage, '-P', 'processes', '-c', '1');
    const deaf = await app.sendTask('deaf', ['deaf']);
    await trace.started('deaf');
    await app.control.revoke(deaf.id, long);
    trace.open('deaf');
    expect(await deaf.get(soon)).toBe('done');
    const killed = await app.sendTask('burn', ['killed']);
    await trace.started('killed');
    await app.control.revoke(killed.id, { terminate: true, ...long });
    const error = await rejection(killed.get(soon));
    expect(error).toMatchObject({
      name: 'TaskRevokedError',
      message: expect.stringContaining('terminated') as string,
    });
  });
});
