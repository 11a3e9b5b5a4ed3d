/** Retried steps of canvases: what had stopped because of them goes on. */
import { chain, chord, currentTask, group, type Task } from 'dtask';
import { describe, expect, test } from 'vitest';
import { eventually } from '../behaviour/eventually.js';
import { stage } from '../behaviour/own-stage.js';
import { rejection } from '../behaviour/rejection.js';
import { Failing, soon } from './failing.js';

/** The tasks of the canvases here. */
interface Cast {
  readonly failing: Failing;
  /** Which values `step` fails for. */
  readonly bad: Set<number>;
  readonly runs: string[];
  /** Adds 1, unless the value is bad. */
  readonly step: Task<(x: number) => number>;
  readonly sum: Task<(list: readonly number[]) => number>;
  /** Counts the failures that it is told of. */
  readonly told: Task<(failure: { readonly id: string }) => void>;
}

async function cast(): Promise<Cast> {
  const failing = await Failing.open(stage);
  const bad = new Set<number>();
  const runs: string[] = [];
  const step = failing.app.task('step', (x: number) => {
    runs.push(`step ${x}`);
    if (bad.has(x)) throw new RangeError(`bad ${x}`);
    return x + 1;
  });
  const sum = failing.app.task('sum', (list: readonly number[]) => {
    const total = list.reduce((all, x) => all + x, 0);
    runs.push(`sum ${total}`);
    if (bad.has(total)) throw new RangeError(`bad ${total}`);
    return total;
  });
  const told = failing.app.task('told', (_failure: { readonly id: string }) => {
    runs.push('told');
  });
  return { failing, bad, runs, step, sum, told };
}

/** Heals what failed and retries it. */
async function mend({ failing, bad }: Cast): Promise<void> {
  bad.clear();
  const { retried } = await failing.app.failed.retry({});
  expect(retried).toBeGreaterThan(0);
}

describe('a chain', () => {
  test('goes on where it had stopped when the step that failed is retried', async () => {
    const own = await cast();
    const { failing, bad, runs, step } = own;
    bad.add(2);
    const result = await chain(step.s(1), step.s(), step.s(), step.s()).delay();
    expect(await rejection(result.get(soon))).toMatchObject({ message: 'bad 2' });
    const [failed] = await failing.kept(1);
    expect(failed).toMatchObject({ task: 'step', args: [2], followed: true });
    expect(await failing.app.result(result.id).state()).toBe('FAILURE');
    await mend(own);
    expect(await failing.app.result(result.id).get(soon)).toBe(5);
    expect(runs).toEqual(['step 1', 'step 2', 'step 2', 'step 3', 'step 4']);
    expect(await failing.list()).toEqual([]);
  });

  test('fails anew when its step does, and goes on at last', async () => {
    const own = await cast();
    const { failing, bad, step, told, runs } = own;
    bad.add(1);
    const result = await chain(step.s(1).onError(told.s()), step.s(), step.s()).delay();
    await rejection(result.get(soon));
    const [failed] = await failing.kept(1);
    const id = failed?.id ?? '';
    expect(await failing.app.failed.retry(id)).toBe(true);
    expect(await rejection(failing.app.result(result.id).get(soon))).toMatchObject({
      message: 'bad 1',
    });
    await failing.settled(id);
    await mend(own);
    expect(await failing.app.result(result.id).get(soon)).toBe(4);
    // The errback ran once: its id was decided when the chain was sent.
    expect(runs.filter((run) => run === 'told')).toHaveLength(1);
  });

  test('that is long, and kept apart from its messages, goes on too', async () => {
    const own = await cast();
    const { failing, bad, step } = own;
    bad.add(100);
    const result = await chain(
      ...Array.from({ length: 150 }, (_, at) => (at ? step.s() : step.s(0))),
    ).delay();
    await rejection(result.get(soon));
    await failing.kept(1);
    await mend(own);
    expect(await failing.app.result(result.id).get(soon)).toBe(150);
  });
});

describe('a chord', () => {
  test('runs its body when the part that failed is retried', async () => {
    const own = await cast();
    const { failing, bad, runs, step, sum } = own;
    bad.add(20);
    const result = await chord(
      [step.s(10), step.s(20), step.s(30)],
      chain(sum.s(), step.s()),
    ).delay();
    expect(await rejection(result.get(soon))).toMatchObject({ message: 'bad 20' });
    await failing.kept(1);
    await eventually(() => runs).toHaveLength(3);
    await mend(own);
    expect(await failing.app.result(result.id).get(soon)).toBe(64);
    expect(runs.filter((run) => run.startsWith('sum'))).toEqual(['sum 63']);
  });

  test('waits for every part that failed, in whichever order they are retried', async () => {
    for (const order of [0, 1]) {
      const own = await cast();
      const { failing, bad, runs, step, sum } = own;
      bad.add(1).add(2);
      const result = await chord([step.s(1), step.s(2), step.s(3)], sum.s()).delay();
      await rejection(result.get(soon));
      const failed = await failing.kept(2);
      bad.clear();
      const first = failed[order]?.id ?? '';
      expect(await failing.app.failed.retry(first)).toBe(true);
      await failing.app.result(first).get(soon);
      expect(await failing.app.result(result.id).state()).toBe('FAILURE');
      expect(await failing.app.failed.retry({})).toMatchObject({ retried: 1 });
      expect(await failing.app.result(result.id).get(soon)).toBe(9);
      expect(runs.filter((run) => run.startsWith('sum'))).toEqual(['sum 9']);
    }
  });

  test('tells of a part that fails again, and runs its body when that has succeeded at last', async () => {
    const own = await cast();
    const { failing, bad, step, sum } = own;
    bad.add(1);
    const result = await chord([step.s(1), step.s(2)], sum.s()).delay();
    await rejection(result.get(soon));
    const [failed] = await failing.kept(1);
    expect(await failing.app.failed.retry(failed?.id ?? '')).toBe(true);
    expect(await rejection(failing.app.result(result.id).get(soon))).toMatchObject({
      message: 'bad 1',
    });
    await failing.kept(1);
    await mend(own);
    expect(await failing.app.result(result.id).get(soon)).toBe(5);
  });

  test('whose body failed has its values still when the body is retried', async () => {
    const own = await cast();
    const { failing, bad, step, sum } = own;
    bad.add(5);
    const result = await chord([step.s(1), step.s(2)], sum.s()).delay();
    expect(await rejection(result.get(soon))).toMatchObject({ message: 'bad 5' });
    await failing.kept(1);
    await mend(own);
    expect(await failing.app.result(result.id).get(soon)).toBe(5);
  });

  test('within a chord within a chain goes on through all of them', async () => {
    const own = await cast();
    const { failing, bad, step, sum } = own;
    bad.add(2);
    const inner = chord([step.s(1), chain(step.s(1), step.s())], sum.s());
    const result = await chain(chord([inner, step.s(100)], sum.s()), step.s()).delay();
    await rejection(result.get(soon));
    await failing.kept(1);
    await mend(own);
    // 2 + 3, and 101, and 1.
    expect(await failing.app.result(result.id).get(soon)).toBe(107);
  });

  test('runs its body once when two retry its part at once', async () => {
    const own = await cast();
    const { failing, bad, runs, step, sum } = own;
    bad.add(1);
    const result = await chord([step.s(1), step.s(2)], sum.s()).delay();
    await rejection(result.get(soon));
    const [failed] = await failing.kept(1);
    bad.clear();
    const { id = '' } = failed ?? {};
    const went = await Promise.all([1, 2, 3].map(() => failing.app.failed.retry(id)));
    expect(went.filter(Boolean)).toHaveLength(1);
    expect(await failing.app.result(result.id).get(soon)).toBe(5);
    await eventually(() => failing.app.queues.counts('default')).toMatchObject({
      waiting: 0,
      active: 0,
    });
    expect(runs.filter((run) => run === 'step 1')).toHaveLength(2);
    expect(runs.filter((run) => run.startsWith('sum'))).toHaveLength(1);
  });
});

describe('a task that was replaced', () => {
  test('has the value of what took its place when a step of that is retried', async () => {
    const own = await cast();
    const { failing, bad, step } = own;
    const replaced = failing.app.task('replaced', (x: number): number =>
      currentTask().replace(chain(step.s(x), step.s())),
    );
    bad.add(2);
    const result = await chain(replaced.s(1), step.s()).delay();
    const { id } = result.parent ?? { id: '' };
    await rejection(result.get(soon));
    await failing.kept(1);
    expect(await failing.app.result(id).state()).toBe('FAILURE');
    await mend(own);
    expect(await failing.app.result(result.id).get(soon)).toBe(4);
    expect(await failing.app.result(id).get(soon)).toBe(3);
  });
});

describe('a group that nothing follows', () => {
  test('has all its values when the parts that failed are retried', async () => {
    const own = await cast();
    const { failing, bad, step } = own;
    bad.add(1).add(3);
    const result = await group(step.s(1), step.s(2), step.s(3)).delay();
    await rejection(result.get(soon));
    await failing.kept(2);
    await mend(own);
    const again = result.results.map(({ id }) => failing.app.result(id).get(soon));
    expect(await Promise.all(again)).toEqual([2, 3, 4]);
  });
});

describe('a step that is dropped', () => {
  test('leaves its canvas as it had ended', async () => {
    const { failing, bad, runs, step } = await cast();
    bad.add(1);
    const result = await chain(step.s(1), step.s()).delay();
    await rejection(result.get(soon));
    await failing.kept(1);
    expect(await failing.app.failed.drop({})).toBe(1);
    expect(await rejection(failing.app.result(result.id).get(soon))).toMatchObject({
      message: 'bad 1',
    });
    expect(runs).toEqual(['step 1']);
  });
});
