/** Hooks and middleware where tasks run beside the worker, and where they are killed. */
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { rejection } from '../behaviour/rejection.js';
import { crew, long, soon } from './crew.js';

afterEach(() => crew.dismiss());

/** What was noted under a mark, in order. */
const told = (mark: string): string[] => crew.trace.starts(mark).map(({ id }) => id);
const pids = (mark: string): Set<number> => new Set(crew.trace.starts(mark).map(({ pid }) => pid));

describe.each(['inline', 'threads', 'processes'] as const)('in a pool of kind %s', (pool) => {
  it('the hooks of a success, a failure and a retry are told in their order, where the task runs', async () => {
    await crew.worker({ pool, concurrency: 1 });
    const [yes, no, again] = ['yes', 'fail', 'retry'].map((way) => `${way}-${pool}`) as [
      string,
      string,
      string,
    ];
    expect(await crew.tasks.hooked.delay(yes, 'yes').get(soon)).toBe('yes');
    expect(await rejection(crew.tasks.hooked.delay(no, 'fail').get(soon))).toBeInstanceOf(Error);
    expect(await crew.tasks.hooked.delay(again, 'retry').get(soon)).toBe('yes');
    const start = ['taskPrerun', 'onStart', 'in', 'run', 'out'];
    const success = ['onSuccess', 'taskSuccess', 'afterReturn SUCCESS', 'taskPostrun'];
    await eventually(() => told(yes)).toEqual([...start, ...success]);
    await eventually(() => told(no)).toEqual([
      ...start,
      'onFailure Error',
      'taskFailure',
      'afterReturn FAILURE',
      'taskPostrun',
    ]);
    await eventually(() => told(again)).toEqual([
      ...start,
      ...['onRetry', 'taskRetry', 'taskPostrun'],
      ...start,
      ...success,
    ]);
    if (pool === 'processes') expect(pids(yes)).not.toContain(process.pid);
    expect(pids(yes).size).toBe(1);
  });

  it('an async hook is done before the child takes its next task, and before it ends', async () => {
    const worker = await crew.worker({ pool, concurrency: 1, maxTasksPerChild: 2 });
    const marks = ['a', 'b', 'c'].map((letter) => `turn-${letter}-${pool}`);
    await Promise.all(marks.map((mark) => crew.tasks.hooked.delay(mark, 'yes').get(soon)));
    await worker.stop();
    for (const mark of marks) expect(told(mark).at(-1)).toBe('taskPostrun');
    const noted = marks.map((mark) => crew.trace.starts(mark));
    expect(noted.flat()).toHaveLength(27);
  });

  it('a task that is killed at its time limit has its hooks told by the worker', async () => {
    await crew.worker({ pool, concurrency: 1 });
    const mark = `hang-${pool}`;
    const call = crew.tasks.hooked.applyAsync([mark, 'hang'], { timeLimit: 300 });
    expect(await rejection(call.get(soon))).toMatchObject({ name: 'TimeLimitExceededError' });
    await eventually(() => told(mark).slice(-4)).toEqual([
      'onFailure TimeLimitExceededError',
      'taskFailure',
      'afterReturn FAILURE',
      'taskPostrun',
    ]);
    expect(crew.trace.starts(mark).at(-1)?.pid).toBe(process.pid);
  });

  it('a task that is revoked while it runs has onRevoked told, and nothing of a failure', async () => {
    await crew.worker({ pool, concurrency: 1 });
    for (const how of ['signal', 'terminate']) {
      const mark = `${how}-${pool}`;
      const result = await crew.tasks.hooked.delay(mark, 'revoke');
      await eventually(() => told(mark)).toContain('run');
      await crew.app.control.revoke(result.id, { terminate: how === 'terminate', ...long });
      expect(await rejection(result.get(soon))).toMatchObject({ name: 'TaskRevokedError' });
      await eventually(() => told(mark)).toContain('onRevoked');
      // The worker has one slot: by now all is told of the one before.
      expect(await crew.tasks.quick.delay(1).get(soon)).toBe(1);
      expect(told(mark).filter((line) => /Failure|Retry|afterReturn/.test(line))).toEqual([]);
    }
  });

  it('a hook that throws changes nothing', async () => {
    await crew.worker({ pool, concurrency: 1 });
    expect(await crew.tasks.throwing.delay().get(soon)).toBe('fine');
    expect(await crew.tasks.quick.delay(1).get(soon)).toBe(1);
  });

  it('each process that runs tasks is told when it begins and when it ends, once', async () => {
    const before = told('processes').length;
    const worker = await crew.worker({ pool, concurrency: pool === 'inline' ? 1 : 2 });
    expect(await crew.tasks.quick.delay(1).get(soon)).toBe(1);
    const since = (): string[] => told('processes').slice(before);
    const children = pool === 'inline' ? 1 : 2;
    await eventually(() => since().filter((line) => line === `init ${pool}`).length).toBe(children);
    await worker.stop();
    const ends = since().filter((line) => line === `shutdown ${pool}`);
    expect(ends).toHaveLength(children);
  });
});

it('the hooks of a success see its result in Redis', async () => {
  for (const pool of ['inline', 'processes'] as const) {
    await crew.worker({ pool, concurrency: 1, name: `seen-${pool}` });
    const mark = `seen-${pool}`;
    await crew.tasks.looking.delay(mark).get(soon);
    await eventually(() => told(mark)).toEqual(['SUCCESS']);
    await crew.dismiss();
  }
});
