/** Tasks whose worker has died: they run again away from the worker, all of them, and at once. */
import { setTimeout as delay } from 'node:timers/promises';
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { untilGone } from '../support/alive.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { rejection, until } from '../support/until.js';
import { startWorker, type WorkerProcess } from '../support/worker-process.js';

const soon = { timeout: '60s' } as const;
const numbers = (count: number): number[] => [...Array(count).keys()];
/** A dead worker's tasks are taken over soon. */
const lapsing = ['--lock-duration', '2s', '--stalled-interval', '500ms'];
/** More tasks than suspects that run alone at a time. */
const crowd = availableParallelism() + 3;

describe('the tasks that a worker had which was killed', { timeout: 90_000 }, () => {
  it('run again all at the same time, in a few processes, where its worker ran them inline', async () => {
    const { app, trace, hire } = fromStage();
    const first = await hire(['-c', '60']);
    const calls = numbers(60).map((n) => app.sendTask('gated', ['many', n]));
    await trace.started('many', 60);
    await first.kill();
    const second = await hire(['-c', '60']);
    // None of them can end before all of them have begun.
    const again = (await trace.started('many', 120, 30_000)).slice(60);
    trace.open('many');
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(numbers(60));
    const pids = new Set(again.map(({ pid }) => pid));
    expect(pids.size).toBeLessThanOrEqual(availableParallelism());
    expect(pids).not.toContain(second.pid);
    await isEmpty(app);
    second.signal('SIGTERM');
    expect(await second.end()).toEqual({ code: 0, signal: null });
  });

  it('end, however long each takes and however many wait for a process of their own', async () => {
    const { app, trace, hire } = fromStage();
    const flags = ['-P', 'threads', '-c', String(crowd)];
    const calls = numbers(crowd).map((n) => app.sendTask('gated', ['long', n]));
    const first = await hire(flags);
    await trace.started('long', crowd);
    await first.kill();
    const second = await hire(flags);
    await trace.started('long', crowd + availableParallelism());
    // Longer than the children for suspects are kept when there are none.
    await delay(33_000);
    expect(trace.starts('long')).toHaveLength(crowd + availableParallelism());
    trace.open('long');
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(numbers(crowd));
    second.signal('SIGTERM');
    expect(await second.end()).toEqual({ code: 0, signal: null });
  });

  it('end also where the worker that has them is told to stop', async () => {
    const { app, trace, hire } = fromStage();
    const flags = ['-P', 'threads', '-c', String(crowd)];
    const calls = numbers(crowd).map((n) => app.sendTask('gated', ['stopped', n]));
    const first = await hire(flags);
    await trace.started('stopped', crowd);
    await first.kill();
    const second = await hire(flags);
    await takesOver(second, app, crowd);
    await trace.started('stopped', crowd + 1);
    second.signal('SIGTERM');
    await second.logged(/^stopping when/);
    trace.open('stopped');
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(numbers(crowd));
    expect(await second.end()).toEqual({ code: 0, signal: null });
  });

  it.each(['inline', 'threads'] as const)(
    'go back to their queue when the worker that has them is told to stop at once: %s',
    async (pool) => {
      const { app, trace, hire } = fromStage();
      const flags = ['-P', pool, '-c', String(crowd)];
      const calls = numbers(crowd).map((n) => app.sendTask('gated', ['back', n]));
      const first = await hire(flags);
      await trace.started('back', crowd);
      await first.kill();
      const second = await hire(flags);
      await takesOver(second, app, crowd);
      const begun = await trace.started('back', crowd + 1);
      second.signal('SIGQUIT');
      expect(await second.end()).toEqual({ code: 1, signal: null });
      await untilGone(begun.slice(crowd).map(({ pid }) => pid));
      trace.open('back');
      await hire(flags);
      expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(numbers(crowd));
    },
  );

  it('run again when the worker that took them over is killed as well', async () => {
    const { app, trace, hire } = fromStage();
    const flags = ['-c', '6'];
    const calls = numbers(6).map((n) => app.sendTask('gated', ['again', n]));
    for (const death of [1, 2]) {
      const worker = await hire(flags);
      await trace.started('again', 6 * death);
      await worker.kill();
    }
    const taken = new Set(trace.starts('again').map(({ pid }) => pid));
    await untilGone(taken);
    await hire(flags);
    const [seventh, eighth] = (await trace.started('again', 14)).slice(12);
    // There is something against them now: each has a process of its own.
    expect(seventh?.pid).not.toBe(eighth?.pid);
    trace.open('again');
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(numbers(6));
  });
});

describe('among the tasks of a dead worker', { timeout: 90_000 }, () => {
  it('the one that kills its process fails, and no other does', async () => {
    const { app, trace, hire } = fromStage();
    const calls = numbers(12).map((n) => app.sendTask('gated', ['innocent', n]));
    const first = await hire(['-c', '13']);
    await trace.started('innocent', 12);
    const guilty = app.sendTask('kill.itself', ['guilty']);
    await first.ended;
    await hire(['-c', '13']);
    await trace.started('guilty', 2);
    trace.open('innocent');
    expect(await rejection(guilty.get(soon))).toMatchObject({
      name: 'WorkerLostError',
      message: expect.stringContaining('has killed its process 3 times') as string,
    });
    expect(trace.starts('guilty')).toHaveLength(3);
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(numbers(12));
    await until('one is kept as failed', async () => (await app.failed.count()) === 1);
  });

  it('one that is ended by its time limit, or revoked, leaves those alone that share its process', async () => {
    const { app, trace, hire } = fromStage();
    const calls = numbers(8).map((n) => app.sendTask('gated', ['beside', n]));
    const limited = app.sendTask('gated', ['limited', 1], { timeLimit: '3s' });
    const ended = app.sendTask('gated', ['ended', 2]);
    const first = await hire(['-c', '10']);
    await Promise.all([trace.started('beside', 8), trace.started('ended')]);
    await first.kill();
    await hire(['-c', '10']);
    await Promise.all([trace.started('beside', 16), trace.started('ended', 2)]);
    await (await ended).revoke({ terminate: true });
    expect(await rejection(ended.get(soon))).toMatchObject({ name: 'TaskRevokedError' });
    expect(await rejection(limited.get(soon))).toMatchObject({ name: 'TimeLimitExceededError' });
    trace.open('beside');
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(numbers(8));
    expect(trace.starts('beside')).toHaveLength(16);
    // What was ended does not go on for ever beside what runs later.
    await untilGone(trace.starts('ended').map(({ pid }) => pid));
  });

  it('one that holds up its process until its time is over delays those that share it, and no more', async () => {
    const { app, trace, hire } = fromStage();
    const calls = numbers(4).map((n) => app.sendTask('gated', ['held', n]));
    const first = await hire(['-c', '5']);
    await trace.started('held', 4);
    const hangs = app.sendTask('hang', ['hangs']);
    await trace.started('hangs');
    await first.kill();
    await hire(['-c', '5']);
    expect(await rejection(hangs.get(soon))).toMatchObject({ name: 'TimeLimitExceededError' });
    trace.open('held');
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(numbers(4));
  });

  it('one that is revoked while it waits for a process never starts', async () => {
    const { app, trace, hire } = fromStage();
    const flags = ['-P', 'threads', '-c', String(crowd)];
    const calls = numbers(crowd).map((n) => app.sendTask('gated', [`wait-${n}`, n]));
    const first = await hire(flags);
    await Promise.all(numbers(crowd).map((n) => trace.started(`wait-${n}`)));
    await first.kill();
    await takesOver(await hire(flags), app, crowd);
    const twice = (): number[] =>
      numbers(crowd).filter((n) => trace.starts(`wait-${n}`).length > 1);
    await until('some run again', () => twice().length === availableParallelism());
    const waits = numbers(crowd).find((n) => !twice().includes(n)) ?? Number.NaN;
    const waiting = calls[waits] as (typeof calls)[number];
    await (await waiting).revoke();
    expect(await rejection(waiting.get(soon))).toMatchObject({ name: 'TaskRevokedError' });
    for (const n of numbers(crowd)) trace.open(`wait-${n}`);
    const others = calls.filter((call) => call !== waiting);
    const values = await Promise.all(others.map((call) => call.get(soon)));
    expect(values).toEqual(numbers(crowd).filter((n) => n !== waits));
    expect(trace.starts(`wait-${waits}`)).toHaveLength(1);
  });

  it('those that wait for a process do not start where another worker has them by then', async () => {
    const { app, trace, hire } = fromStage();
    const flags = ['-P', 'threads', '-c', String(crowd)];
    const calls = numbers(crowd).map((n) => app.sendTask('gated', ['taken', n]));
    const first = await hire(flags);
    await trace.started('taken', crowd);
    await first.kill();
    const frozen = await hire(flags);
    const few = availableParallelism();
    await takesOver(frozen, app, crowd);
    await trace.started('taken', crowd + few);
    frozen.signal('SIGSTOP');
    await hire(flags);
    await trace.started('taken', crowd + 2 * few, 30_000);
    frozen.signal('SIGCONT');
    const lost = (): number =>
      frozen.log.filter(({ msg }) => msg.startsWith('the lock of a task was lost')).length;
    await until('it has heard that they are gone', () => lost() === crowd);
    trace.open('taken');
    expect(await Promise.all(calls.map((call) => call.get(soon)))).toEqual(numbers(crowd));
    frozen.signal('SIGTERM');
    expect(await frozen.end()).toEqual({ code: 0, signal: null });
    // Each once on the first and on the third worker, and those that the second had begun.
    expect(trace.starts('taken')).toHaveLength(2 * crowd + few);
  });

  it('those that may run only once are lost, and the others are not', async () => {
    const { app, trace, hire } = fromStage();
    const often = numbers(3).map((n) => app.sendTask('gated', ['often', n]));
    const once = numbers(3).map(() => app.sendTask('gated.once', ['once']));
    const first = await hire(['-c', '6']);
    await Promise.all([trace.started('often', 3), trace.started('once', 3)]);
    await first.kill();
    await hire(['-c', '6']);
    for (const call of once)
      expect(await rejection(call.get(soon))).toMatchObject({ name: 'WorkerLostError' });
    trace.open('often');
    expect(await Promise.all(often.map((call) => call.get(soon)))).toEqual(numbers(3));
    expect(trace.starts('once')).toHaveLength(3);
  });
});

/** Resolves when a worker has all the tasks of a dead one: their locks may lapse one after another. */
async function takesOver(
  worker: WorkerProcess,
  app: ReturnType<typeof setStage>['app'],
  count: number,
): Promise<void> {
  await until('it has all tasks of the dead worker', async () => {
    const found = worker.log.filter(({ msg }) => msg.startsWith('the worker of a task died'));
    if (found.length < count) return false;
    return (await app.queues.counts('default')).waiting === 0;
  });
}

async function isEmpty(app: ReturnType<typeof setStage>['app']): Promise<void> {
  await until('nothing is left in the queue', async () => {
    const { waiting, delayed, active, failed } = await app.queues.counts('default');
    return waiting + delayed + active + failed === 0;
  });
}

function fromStage() {
  const stage = setStage(engine.url);
  const { app, trace } = stage;
  const environment = stage.environment();
  const hire = (flags: readonly string[]): Promise<WorkerProcess> =>
    startWorker({ env: environment, app: 'pools/app.ts', flags: [...flags, ...lapsing] });
  return { app, trace, hire };
}
