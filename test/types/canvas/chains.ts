/** What the compiler says of chains: this compiles, and each marked line would not without its mark. */
import { type AnyCanvas, type Chain, chain, chord, chunks, group, map } from 'dtask';
import { add, drop, type Full, now, same, size, sum, text } from './tasks.js';

/** Each step of a chain takes what the one before gives. */
export function chains(): void {
  const sums = chain(add.s(1, 2), add.s(4));
  same<typeof sums, Chain<Full, number>>(true);
  const open = chain(add.s(1), text.s(), size.s());
  same<typeof open, Chain<[x: number], number>>(true);
  const single = chain(text.s());
  same<typeof single, Chain<[x: number], string>>(true);
  const nested = chain(chain(add.s(1, 2), text.s()), chain(size.s(), add.s(1)));
  same<typeof nested, Chain<Full, number>>(true);
  const piped = add.s(1).pipe(text.s()).pipe(size.s());
  same<typeof piped, Chain<[x: number], number>>(true);
  void chain(add.s(1, 2), add.si(3, 4), text.si(5), size.s());
  void chain(drop.s(1), now.si(), add.s(1));
  void chain(add.s(1, 2), map(text, [1, 2]), chunks(add, [[1, 2]], 10));

  // @ts-expect-error -- a string is no number
  void chain(add.s(1, 2), text.s(), add.s(4));
  // @ts-expect-error -- a number is no string
  void chain(add.s(1, 2), size.s());
  // @ts-expect-error -- the value and nothing else: add lacks an argument
  void chain(add.s(1, 2), add.s());
  // @ts-expect-error -- the value would be a third argument
  void chain(add.s(1, 2), add.s(3, 4));
  // @ts-expect-error -- it takes nothing
  void chain(add.s(1, 2), now.s());
  // @ts-expect-error -- there is no value
  void chain(drop.s(1), text.s());
  // @ts-expect-error -- the steps of a chain within it are checked against what is around it
  void chain(add.s(1, 2), chain(size.s(), add.s(1)));
  // @ts-expect-error -- at both ends
  void chain(chain(add.s(1, 2), text.s()), add.s(1));
  // @ts-expect-error -- a task is no step, a signature of it is
  void chain(add, add.s(1));
  // @ts-expect-error -- nor is a number
  void chain(add.s(1, 2), 5);
  // @ts-expect-error -- pipe checks as chain does
  add.s(1, 2).pipe(size.s());
  // @ts-expect-error -- step by step
  add.s(1, 2).pipe(text.s()).pipe(text.s());
}

/** Lists of steps, of which the compiler does not know how many there are. */
export function lists(steps: AnyCanvas[]): void {
  const adds = [1, 2, 3].map((n) => add.s(n));
  const texts = [1, 2, 3].map(() => text.s());
  const counted = chain(...adds);
  same<typeof counted, Chain<[x: number], number>>(true);
  const begun = chain(add.s(1, 2), ...adds, text.s());
  same<typeof begun, Chain<Full, string>>(true);
  void chain(...steps).delay();
  void chain(steps).delay();
  const listed = chain(adds);
  same<typeof listed, Chain<[x: number], number>>(true);
  const pair = chain([add.s(1), text.s()]);
  same<typeof pair, Chain<[x: number], string>>(true);
  const some = chain(new Set(adds));
  same<typeof some, Chain<[x: number], number>>(true);
  void chain(adds.values());
  void group(steps).delay();
  void chord(steps, sum.s()).delay();
  // @ts-expect-error -- none takes what another gives
  void chain(...texts);
  // @ts-expect-error -- nor in a list
  void chain(texts);
  // @ts-expect-error -- nor in another iterable
  void chain(new Set(texts));
  // @ts-expect-error -- the steps of a list are checked as those beside each other
  void chain([add.s(1, 2), size.s()]);
  // @ts-expect-error -- a list of tasks is none of steps
  void chain([add, add]);
  // @ts-expect-error -- nor what comes before
  void chain(add.s(1, 2), ...texts);
}
