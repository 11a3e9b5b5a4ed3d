/** What canvases are made of: lists of every kind, none, and what is no part; sent, in place, and as JSON. */
import { type AnyCanvas, App, chain, chord, ConfigError, group, signature } from 'dtask';
import { describe, expect, it } from 'vitest';
import { rejection, thrown } from '../behaviour/rejection.js';
import { add, echo, identity, sum } from './tasks.js';
import { soon, troupe } from './troupe.js';

const steps = (): AnyCanvas[] => [add.s(1, 2), add.s(10), add.s(100)];
const members = (): AnyCanvas[] => [add.s(1, 2), identity.s(5)];

function* generated(parts: readonly AnyCanvas[]): Generator<AnyCanvas> {
  yield* parts;
}

async function* promised(parts: readonly AnyCanvas[]): AsyncGenerator<AnyCanvas> {
  await Promise.resolve();
  yield* parts;
}

const lists: readonly [string, (parts: readonly AnyCanvas[]) => Iterable<AnyCanvas>][] = [
  ['an array', (parts) => parts],
  ['a generator', generated],
  ['a Set', (parts) => new Set(parts)],
  ['the values of a Map', (parts) => new Map(parts.entries()).values()],
];

/** What takes one list. */
const makersOfOne: readonly ((given: never) => unknown)[] = [
  (given) => chain(given),
  (given) => group(given),
  (given) => chord(given, sum.s() as never),
];

/** What it gives sent, in place, and sent behind a way through JSON. */
async function ends(canvas: AnyCanvas): Promise<unknown[]> {
  const whole = canvas as AnyCanvas & { delay(): { get(options: object): Promise<unknown> } };
  const json = JSON.parse(JSON.stringify(canvas)) as Parameters<App['signature']>[0];
  return Promise.all([
    whole.delay().get(soon),
    (canvas.apply as () => { get(): Promise<unknown> })().get(),
    troupe.app.signature<[]>(json).delay().get(soon),
  ]);
}

describe.each(lists)('%s of parts', (_, list) => {
  it('makes a chain', async () => {
    expect(await ends(chain(list(steps()) as never))).toEqual([113, 113, 113]);
    expect(await ends(chain(list([add.s(1, 2)]) as never))).toEqual([3, 3, 3]);
    expect(thrown(() => chain(list([]) as never)).message).toBe(
      'an empty chain has nothing to run; give it a step',
    );
  });

  it('makes a group', async () => {
    expect(await ends(group(list(members())))).toEqual([
      [3, 5],
      [3, 5],
      [3, 5],
    ]);
    expect(await ends(group(list([identity.s(1)])))).toEqual([[1], [1], [1]]);
  });

  it('makes the header of a chord', async () => {
    expect(await ends(chord(list(members()), sum.s() as never))).toEqual([8, 8, 8]);
    expect(await ends(chord(list([]), sum.s() as never))).toEqual([0, 0, 0]);
  });

  it('is linked', async () => {
    const mark = `linked-${lists.findIndex(([name]) => name === _)}`;
    const callbacks = [echo.s(mark), echo.s(mark)];
    await identity
      .s(1)
      .link(list(callbacks) as never)
      .delay()
      .get(soon);
    expect(await troupe.notes(mark)).toHaveLength(2);
  });
});

describe('nothing', () => {
  it('as a group gives an empty list, sent and in place, with or without an App', async () => {
    expect(await group([]).delay().get(soon)).toEqual([]);
    const eager = group([]).apply();
    expect(await eager.get()).toEqual([]);
    expect(await eager.state()).toBe('SUCCESS');
    expect(await ends(chord(group(), sum.s()))).toEqual([0, 0, 0]);
    expect(await ends(add.chunks([], 2))).toEqual([[], [], []]);
    expect(await ends(identity.map([]))).toEqual([[], [], []]);
    expect(await ends(add.starmap([]))).toEqual([[], [], []]);
  });

  it('as a group can be saved, and is found by its id anywhere', async () => {
    const result = await group([]).delay();
    await result.save();
    const restored = await troupe.stranger().groupResult(result.id);
    expect(restored.id).toBe(result.id);
    expect(await restored.get(soon)).toEqual([]);
  });

  it('within groups is not there', async () => {
    expect(await ends(group(group(), identity.s(1), group(group(), group())))).toEqual([
      [1],
      [1],
      [1],
    ]);
    expect(await group(group(), group()).delay().get(soon)).toEqual([]);
  });

  it('behind a step of a chain is refused: nobody would get its value', () => {
    const refused = /^a group of nothing stands behind another step of a chain/;
    const makers: (() => unknown)[] = [
      () => chain(identity.s(1), group([]), identity.s()),
      () => chain(identity.s(1), group([])),
      () => chain(identity.s(1), chain(group([]), identity.s())),
      () => chain(identity.s(1), chord([], identity.s())),
      () => chain(identity.s(1), group(group(), group())),
      () => identity.s(1).pipe(group([])),
      () => chain(identity.s(1), add.chunks([], 2)),
      () => signature({ chain: [{ task: 'identity', args: [1] }, { group: [] }] }),
    ];
    for (const make of makers) {
      const error = thrown(make);
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toMatch(refused);
    }
  });
});

describe('what is no part', () => {
  const others: readonly [string, unknown, RegExp][] = [
    ['nothing', undefined, /part 2 .*got undefined$/],
    ['null', null, /part 2 .*got null$/],
    ['a text', 'add', /part 2 .*got "add"$/],
    ['a number', 5, /part 2 .*got 5$/],
    ['a task', add, /part 2 .*the task add; write add\.s\(\)$/],
    ['a promise', Promise.resolve(), /part 2 .*got /],
    ['a list in a list', [add.s(1)], /part 2 .*got /],
  ];

  it.each(others)('%s is refused by name and place', (_, other, message) => {
    const first = identity.s(1);
    const makers: (() => unknown)[] = [
      () => chain(first, other as never),
      () => chain([first, other] as never),
      () => group(first, other as never),
      () => group([first, other] as never),
      () => chord([first, other] as never, sum.s() as never),
      () => first.link(first as never, other as never),
      () => first.onError([first, other] as never),
    ];
    for (const make of makers) {
      const error = thrown(make);
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toMatch(message);
    }
    expect(thrown(() => chord([first], other as never)).message).toMatch(/the body of chord\(\)/);
    expect(thrown(() => first.pipe(other as never)).message).toMatch(/pipe\(\)/);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'add'],
    ['a task', add],
  ])('%s alone is refused too', (_, other) => {
    for (const make of makersOfOne)
      expect(thrown(() => make(other as never)).message).toMatch(/^(chain|group|chord)\(\) takes/);
  });

  it('an async generator is refused: it would have to be waited for', () => {
    const message = /^(chain|group|chord|link|chunks)\(\) cannot wait for an async generator/;
    const makers: (() => unknown)[] = [
      () => chain(promised(steps()) as never),
      () => group(promised(members()) as never),
      () => chord(promised(members()) as never, sum.s() as never),
      () => identity.s(1).link(promised(members()) as never),
      () => add.chunks(promised(members()) as never, 2),
    ];
    for (const make of makers) expect(thrown(make).message).toMatch(message);
  });

  it('an error that a generator throws reaches whoever composes', () => {
    function* broken(): Generator<AnyCanvas> {
      yield identity.s(1);
      throw new RangeError('no more');
    }
    for (const make of makersOfOne)
      expect(thrown(() => make(broken() as never)).message).toBe('no more');
  });

  it('rows that are no lists are refused where they are given', async () => {
    expect(thrown(() => add.chunks([[1, 2], 3] as never, 2)).message).toMatch(
      /^chunks\(\) takes lists of arguments.*item 1 is 3$/,
    );
    expect(thrown(() => add.chunks(undefined as never, 2)).message).toMatch(/^chunks\(\) takes/);
    const map = add.starmap([[1, 2], 3] as never);
    expect((await rejection(map.delay().then())).message).toMatch(/^starmap\(\) takes lists/);
  });
});

describe('a callback that is linked twice', () => {
  it('is started twice', async () => {
    const callback = echo.s('twice');
    await identity.s(1).link(callback).link(callback).delay().get(soon);
    expect(await troupe.notes('twice')).toHaveLength(2);
  });
});
