import { describe, expect, it } from 'vitest';
import { idsIn } from '../protocol/id-run.js';
import type { Step, TaskStep } from '../protocol/step.js';
import { Path, waitingTasks } from './waiting.js';

const task = (id: string, more: Partial<TaskStep> = {}): TaskStep => ({ task: 'run', id, ...more });
const chain = (...steps: Step[]): Step => ({ chain: steps, id: 'last' });
const group = (id: string, ...steps: Step[]): Step => ({ group: steps, id });
const queueOf = ({ options }: TaskStep): string => options?.queue ?? 'default';

/** By id what comes before. */
const waiting = (canvas: Step, path?: Path): Record<string, string[] | undefined> =>
  Object.fromEntries(
    waitingTasks(canvas, queueOf, path).map(({ step, before }) => [
      step.id,
      before && idsIn(before.runs),
    ]),
  );

describe('what waits in a canvas', () => {
  it('is nothing of a task and of a group', () => {
    expect(waiting(task('a'))).toEqual({});
    expect(waiting(group('g', task('a'), task('b')))).toEqual({});
  });

  it('are all steps of a chain but the first, each for those before it', () => {
    expect(waiting(chain(task('a'), task('b'), task('c')))).toEqual({ b: ['a'], c: ['a', 'b'] });
  });

  it('is what follows a group, for all of it, and the later steps of its parts for their own', () => {
    const parts = group('g', chain(task('b'), task('c')), task('d'));
    expect(waiting(chain(task('a'), parts, task('e')))).toEqual({
      b: ['a'],
      c: ['a', 'b'],
      d: ['a'],
      e: ['a', 'b', 'c', 'd', 'g'],
    });
    expect(waiting(group('g', chain(task('a'), task('b')), task('c')))).toEqual({ b: ['a'] });
  });

  it('is a callback whose id was given', () => {
    const link = [task('x', { named: true }), task('y')];
    expect(waiting(chain(task('a', { link }), task('b')))).toEqual({ x: ['a'], b: ['a'] });
    const linkError = [chain(task('y'), task('z', { named: true }))];
    expect(waiting(task('a', { linkError }))).toEqual({ z: ['a'] });
  });

  it('is all of what comes behind something else, known or not', () => {
    const path = new Path();
    path.add(task('p', { options: { queue: 'own' } }), queueOf);
    const [first] = waitingTasks(task('a'), queueOf, path);
    expect(first?.before).toEqual({ runs: [['p', 1]], queues: ['own'] });
    expect(waiting(chain(task('a'), task('b')), Path.unknown())).toEqual({
      a: undefined,
      b: undefined,
    });
  });

  it('does not note more than fits', () => {
    const steps = Array.from({ length: 100 }, (_, at) => task(`own ${String(at)} id`));
    const found = waitingTasks(chain(...steps), queueOf);
    expect(found).toHaveLength(99);
    expect(found[10]?.before?.runs).toHaveLength(11);
    expect(found.at(-1)?.before).toBeUndefined();
  });
});
