/** What `apply()` gives is what a worker gives: each canvas here is run in both ways. */
import {
  type AnyCanvas,
  chain,
  chord,
  currentTask,
  group,
  Ignore,
  Reject,
  Retry,
  signature,
  task,
} from 'dtask';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { app } from './served-app.js';

const often = { maxRetries: 2, retryDelay: 1 } as const;
/** What tasks have noted: the worker is in this process. */
let notes: unknown[] = [];
beforeEach(() => {
  notes = [];
});

const add = task('both.add', (x: number, y: number) => x + y);
const sum = task('both.sum', (list: number[]) => list.reduce((all, one) => all + one, 0));
const same = task('both.same', (value: unknown) => value);
const fail = task('both.fail', (..._given: unknown[]) => {
  throw new RangeError('as planned');
});
const heard = task('both.heard', (value: unknown) => void notes.push(value));
const failed = task('both.failed', ({ id, task: name, error }: Failure) => {
  notes.push([name, typeof id, error.name]);
});
const spoil = task(
  'both.spoil',
  (list: number[], box: { of?: string }) => {
    const seen = [[...list], { ...box }, { ...currentTask().headers }];
    list.push(9);
    box.of = 'changed';
    (currentTask().headers as Record<string, unknown>)['tag'] = 'changed';
    if (currentTask().retries < 2) throw new Error('again');
    return seen;
  },
  often,
);
const retryWith = task('both.retryWith', (value: unknown) => {
  if (currentTask().retries > 0) return value;
  throw new Retry({ countdown: 1, args: [value === 'bad' ? () => 1 : [value]] });
});
const spoilThenRetry = task('both.spoilThenRetry', (list: number[]) => {
  if (currentTask().retries > 0) return list;
  const args = [[...list, 1]];
  list.push(5);
  throw new Retry({ countdown: 1, args });
});
const ignored = task('both.ignored', (..._given: unknown[]) => {
  throw new Ignore();
});
const rejected = task('both.rejected', (..._given: unknown[]) => {
  throw new Reject('not for me');
});
const replaced = task('both.replaced', (by: string, ..._given: unknown[]): unknown =>
  currentTask().replace(replacements[by]!()),
);
const grows = task(
  'both.grows',
  async (x: number) => {
    const context = currentTask();
    await context.addToChord(add.s(x, 10));
    await context.addToChord(chain(add.s(x, 20), add.s(100)));
    if (context.retries < 1) throw new Error('again');
    return x;
  },
  often,
);
const tags = task('both.tags', (..._given: unknown[]) => currentTask().headers['tag']);
const kin = task('both.kin', (before: unknown[]) => {
  const { id, rootId, parentId, group: of } = currentTask();
  return [...before, [id, rootId, parentId, typeof of]];
});
const tells = task('both.tells', (state: string) => currentTask().updateState(state, 1));
const slow = task('both.slow', async () => {
  const { signal } = currentTask();
  await once(signal, 'abort');
  throw signal.reason as Error;
});
const times = task('both.times', () => {
  const { timeLimit, softTimeLimit, deadline } = currentTask();
  return [timeLimit, softTimeLimit, deadline instanceof Date];
});
const deaf = task('both.deaf', () => pause(400));
const told = task('both.told', () => currentTask().replace(same.s('x')), {
  hooks: {
    onStart: () => notes.push('onStart'),
    onSuccess: () => notes.push('onSuccess'),
    onFailure: () => notes.push('onFailure'),
    afterReturn: () => notes.push('afterReturn'),
  },
});

interface Failure {
  readonly id: string;
  readonly task: string;
  readonly error: Error;
}

const tasks = [add, sum, same, fail, heard, failed, spoil, retryWith, spoilThenRetry, ignored];
const more = [rejected, replaced, grows, tags, kin, tells, slow, times, deaf, told];
beforeAll(() => app.register(...tasks, ...more));

const planned = { name: 'TaskFailedError', errorName: 'RangeError', message: 'as planned' };
const unknown = { name: 'UnknownTaskError', code: 'UNKNOWN_TASK' };
const notInChord = {
  errorName: 'RegistryError',
  message:
    'task both.grows[id] is not a part of a group that something follows, so there is nothing to add to',
};

/** What is run in both ways, and what it gives. */
const cases: Readonly<Record<string, readonly [() => AnyCanvas, unknown]>> = {
  'a task that changes its arguments, and is retried': [
    () => spoil.signature([[1], {}], { headers: { tag: 'as sent' } }),
    [[1], {}, { tag: 'as sent' }],
  ],
  'a retry with other arguments': [() => retryWith.s(1), [1]],
  'a retry with other arguments, behind a change': [() => spoilThenRetry.s([0]), [0, 1]],
  'a retry with arguments that cannot travel': [
    () => retryWith.s('bad'),
    { name: 'EncodeError', code: 'ENCODE' },
  ],
  'a task that replaces itself by a task': [() => replaced.s('add'), 3],
  'by a chain': [() => replaced.s('chain'), 6],
  'by a group': [() => replaced.s('group'), [3, 7]],
  'by a group of nothing': [() => replaced.s('nothing'), []],
  'by a chord': [() => replaced.s('chord'), 10],
  'by one that replaces itself': [() => replaced.s('twice'), 10],
  'by one that fails': [() => replaced.s('fail'), planned],
  'by one whose task is not there': [() => replaced.s('unknown'), unknown],
  'by one that is ignored': [() => replaced.s('ignored'), undefined],
  'a replaced task within a chain': [() => chain(replaced.si('add'), add.s(4)), 7],
  'a replaced task within a group': [() => chord([replaced.si('add'), add.s(1, 1)], sum.s()), 5],
  'headers of a replaced task': [
    () => replaced.signature(['tags'], { headers: { tag: 'mine' } }),
    ['mine', 'own'],
  ],
  'parts that are added to a chord': [
    () => chord([grows.s(1), add.s(1, 1)], same.s()),
    [1, 2, 11, 121],
  ],
  'parts that are added at the end of a part': [
    () => chord([chain(add.s(1, 1), grows.s()), add.s(1, 1)], same.s()),
    [2, 2, 12, 122],
  ],
  'parts that are added where nothing follows': [() => group(grows.s(1)), notInChord],
  'parts that are added before the end of a part': [
    () => chord([chain(grows.s(1), add.s(1))], sum.s()),
    notInChord,
  ],
  'parts that are added by no part': [() => chain(grows.s(1), add.s(1)), notInChord],
  'an ignored step': [() => chain(add.s(1, 2), ignored.s(), add.s(1)), undefined],
  'an ignored part': [() => chord([add.s(1, 1), ignored.s()], same.s()), [2, undefined]],
  'a rejected step': [
    () => chain(rejected.s(), add.s(1)),
    { name: 'Reject', message: 'not for me' },
  ],
  'a task that is not there': [
    () => chain(add.s(1, 2), signature('both.nowhere') as never),
    unknown,
  ],
  'a task that is not there beside others': [
    () => group(signature('both.nowhere'), heard.s('ran')),
    unknown,
  ],
  'a value that cannot travel': [
    () => same.s(Symbol.iterator),
    { name: 'EncodeError', code: 'ENCODE' },
  ],
  'a state that only dtask sets': [() => tells.s('SUCCESS'), { errorName: 'ConfigError' }],
  'a state of its own': [() => tells.s('HALFWAY'), undefined],
  'a soft limit': [
    () => slow.signature([], { softTimeLimit: 60, timeLimit: '20s' }),
    { name: 'SoftTimeLimitExceededError' },
  ],
  'a hard limit': [() => deaf.signature([], { timeLimit: 60 }), { name: 'TimeLimitExceededError' }],
  'limits, as the task sees them': [
    () => times.signature([], { softTimeLimit: '5s', timeLimit: '10s' }),
    [10_000, 5_000, true],
  ],
  'a map': [() => add.starmap([[1, 2]]), [3]],
  'a map of nothing': [() => same.map([]), []],
  'a map that fails': [() => fail.map([1]), planned],
};

/** By what `both.replaced` is replaced. */
const replacements: Readonly<Record<string, () => AnyCanvas>> = {
  add: () => add.s(1, 2),
  chain: () => chain(add.s(1, 2), add.s(3)),
  group: () => group(add.s(1, 2), add.s(3, 4)),
  nothing: () => group([]),
  chord: () => chord([add.s(1, 2), add.s(3, 4)], sum.s()),
  twice: () => replaced.s('chord'),
  fail: () => chain(add.s(1, 2), fail.s()),
  unknown: () => signature('both.nowhere'),
  ignored: () => ignored.s(),
  tags: () => group(tags.s(), tags.signature([], { headers: { tag: 'own' } })),
};

interface Both {
  delay(): { get(options: object): Promise<unknown> };
  apply(): { get(options: object): Promise<unknown> };
}

/** An end without what differs from run to run. */
function plain(end: unknown): unknown {
  if (!(end instanceof Error)) return end;
  const { name, message, code, errorName } = end as Error & { code: string; errorName?: string };
  const told = message.replaceAll(/\[[^\]]*-[^\]]*\]/g, '[id]');
  // Which process has not the task differs.
  const said = name === 'UnknownTaskError' ? told.replace(/.*(has no task [^ ,;]+).*/, '$1') : told;
  return { name, code, errorName, message: said };
}

const ended = async (way: 'apply' | 'delay', canvas: AnyCanvas): Promise<unknown> => {
  try {
    return plain(await (canvas as unknown as Both)[way]().get({ timeout: '10s' }));
  } catch (error) {
    return plain(error);
  }
};

test.each(Object.entries(cases))(
  '%s: apply() gives what a worker gives',
  async (_, [make, expected]) => {
    const onWorker = await ended('delay', make());
    const here = await ended('apply', make());
    expect(here).toEqual(onWorker);
    if (typeof expected === 'object' && !Array.isArray(expected))
      expect(here).toMatchObject(expected as object);
    else expect(here).toEqual(expected);
  },
);

describe('what follows', () => {
  const following: Readonly<Record<string, () => AnyCanvas>> = {
    'a link of a replaced task': () => replaced.si('add').link(heard.s()),
    'an errback of a replaced task': () => replaced.si('fail').onError(failed.s()),
    'an errback of a task that is not there': () =>
      chain(add.s(1, 2), app.signature('both.nowhere').onError(failed.s())),
    'an errback of a chain': () => chain(add.s(1, 2), fail.s(), add.s(1)).onError(failed.s()),
    'an errback of a body': () =>
      chord([add.s(1, 1), fail.s(), fail.s()], sum.s().onError(failed.s())),
    'a link of each part': () => group(add.s(1, 1), add.s(2, 2)).link(heard.s()),
    'an errback of a map': () => fail.map([1]).onError(failed.s()),
  };

  test.each(Object.entries(following))('%s is the same', async (name, make) => {
    await ended('delay', make());
    await eventually(() => notes.length).toBe(name.includes('each part') ? 2 : 1);
    const onWorker = new Set(notes);
    notes = [];
    await ended('apply', make());
    expect(new Set(notes)).toEqual(onWorker);
  });
});

test('a step has the task before it as its parent, and the first as its root', async () => {
  const canvas = (): AnyCanvas => chain(kin.s([]), kin.s(), group(kin.s(), kin.s()), same.s());
  for (const way of ['delay', 'apply'] as const) {
    type Kin = readonly [string, string, string | undefined, string];
    const lists = (await ended(way, canvas())) as readonly (readonly Kin[])[];
    for (const [first, second, part] of lists) {
      expect(first).toEqual([first![0], first![0], undefined, 'undefined']);
      expect(second).toEqual([second![0], first![0], first![0], 'undefined']);
      expect(part).toEqual([part![0], first![0], second![0], 'string']);
    }
  }
});

test('hooks of a task that is replaced hear that it starts, and of no end', async () => {
  expect(await ended('delay', told.s())).toBe('x');
  const onWorker = notes;
  notes = [];
  expect(await ended('apply', told.s())).toBe('x');
  expect(notes).toEqual(onWorker);
  expect(notes).toEqual(['onStart']);
});

describe('apply()', () => {
  test('of a task that belongs to no App cannot be replaced, and says so', async () => {
    const alone = task('both.alone', () => currentTask().replace(add.s(1, 2)));
    await expect(alone.apply([]).get()).rejects.toMatchObject({
      message: expect.stringMatching(/belongs to no App/) as string,
    });
  });

  test('of a task that always asks to go back to its queue ends', async () => {
    let runs = 0;
    const back = app.task('both.back', () => {
      runs += 1;
      throw new Reject('later', { requeue: true });
    });
    await expect(back.apply([]).get()).rejects.toMatchObject({ name: 'Reject', message: 'later' });
    expect(runs).toBe(100);
  });

  test('of a task that is retried without end leaves the process its turns', async () => {
    let over = false;
    const endless = app.task(
      'both.endless',
      () => {
        if (!over) throw new Error('again');
        return 'over';
      },
      { maxRetries: null },
    );
    const result = endless.apply([]);
    await pause(20);
    over = true;
    expect(await result.get()).toBe('over');
  });

  test("within a task has that task's signal", async () => {
    const inner = app.task('both.inner', () => pause(10_000, 0, { signal: currentTask().signal }));
    const outer = app.task('both.outer', () => inner.apply([]).get(), { softTimeLimit: 50 });
    const error = await ended('apply', outer.s());
    expect(error).toMatchObject({ message: expect.stringMatching(/abort/) as string });
  });
});
