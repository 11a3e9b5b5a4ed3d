/** What the compiler says of groups and chords: this compiles, and each marked line would not without its mark. */
import { type Chain, chain, type Chord, chord, type Group, group, type GroupResult } from 'dtask';
import { add, app, type Full, now, same, size, sum, text } from './tasks.js';

/** A group is a tuple where its parts are counted, and a list where they are not. */
export function groups(files: Set<string>): void {
  const pair = group(add.s(1, 1), text.s(2));
  same<typeof pair, Group<Full, [number, string]>>(true);
  const many = group([1, 2].map((n) => add.s(n, n)));
  same<typeof many, Group<Full, number[]>>(true);
  const lazy = group(sizes(files));
  same<typeof lazy, Group<Full, number[]>>(true);
  const mixed = group(new Set([add.s(1, 1), text.s(2)]));
  same<typeof mixed, Group<Full, (number | string)[]>>(true);
  const none = group();
  same<typeof none, Group<[], []>>(true);
  void group([]).delay();
  const spread = group(...[1, 2].map((n) => add.s(n, n)));
  same<typeof spread, Group<Full, number[]>>(true);

  // @ts-expect-error -- a task is no part, a signature of it is
  void group(add);
  // @ts-expect-error -- nor are numbers
  void group([1, 2]);
}

function* sizes(files: Set<string>) {
  for (const file of files) yield size.s(file);
}

/** A group in a group is laid out in it; a chain between them keeps it together. */
export function nestedGroups(): void {
  const flat = group(add.s(1, 1), group(text.s(1), group(add.s(2, 2))));
  same<typeof flat, Group<Full, [number, string, number]>>(true);
  const kept = group(add.s(1, 1), chain(add.s(1, 1), group(text.s(), add.s(1))));
  same<typeof kept, Group<Full, [number, [string, number]]>>(true);
  const listed = group([group(add.s(1, 1), text.s(1))]);
  same<typeof listed, Group<Full, [number, string]>>(true);
}

/** Every part of a group gets what comes before the group. */
export function fanOut(): void {
  const half = group(add.s(1), text.s());
  same<typeof half, Group<[x: number], [number, string]>>(true);
  void half.delay(5);
  void chain(add.s(1, 2), half);
  void chain(add.s(1, 2), group(add.s(1), add.si(1, 2)));
  void chain(add.s(1, 2), group([add.s(1), text.s()]));
  void chain(group(), sum.s());

  // @ts-expect-error -- size takes a string
  void chain(add.s(1, 2), group(text.s(), size.s()));
  // @ts-expect-error -- wherever it stands
  void chain(add.s(1, 2), group(size.s(), text.s()));
  // @ts-expect-error -- in a list as well
  void chain(add.s(1, 2), group([text.s(), size.s()]));
  // @ts-expect-error -- one has no room for the value
  void chain(add.s(1, 2), group(text.s(), add.s(1, 2)));
  // @ts-expect-error -- one lacks an argument
  void chain(add.s(1, 2), group(text.s(), add.s()));
  // @ts-expect-error -- a part lacks its argument
  void half.delay();
  // @ts-expect-error -- of the right type
  void half.delay('5');
}

/** What follows a group gets the list of its values. */
export function joins(): void {
  const total = chain(group(add.s(1, 1), add.s(2, 2)), sum.s());
  same<typeof total, Chain<Full, number>>(true);
  const twice = chain(group(add.s(1, 1), add.s(2, 2)), group(sum.s(), sum.s()), sum.s());
  same<typeof twice, Chain<Full, number>>(true);
  void group(add.s(1, 1)).pipe(sum.s());

  // @ts-expect-error -- not all of them are numbers
  void chain(group(add.s(1, 1), text.s(2)), sum.s());
  // @ts-expect-error -- a list is no number
  void chain(group(add.s(1, 1), add.s(2, 2)), text.s());
  // @ts-expect-error -- pipe of a group is checked too
  void group(text.s(1)).pipe(sum.s());
}

/** The body of a chord takes the list of the header's values. */
export function chords(files: Set<string>): void {
  const counted = chord([add.s(1, 1), add.s(2, 2)], sum.s());
  same<typeof counted, Chord<Full, number>>(true);
  const grouped = chord(group(add.s(1, 1), add.s(2, 2)), sum.s());
  same<typeof grouped, Chord<Full, number>>(true);
  const lazy = chord(sizes(files), sum.s());
  same<typeof lazy, Chord<Full, number>>(true);
  const empty = chord([], sum.s());
  same<typeof empty, Chord<[], number>>(true);
  const through = chord([add.s(1, 1)], chain(sum.s(), text.s()));
  same<typeof through, Chord<Full, string>>(true);
  const fan = chord([add.s(1, 1)], group(sum.s(), sum.s()));
  same<typeof fan, Chord<Full, [number, number], GroupResult<[number, number]>>>(true);
  const open = chord([add.s(1), text.s()], now.si());
  same<typeof open, Chord<[x: number], number>>(true);
  void chain(add.s(1, 2), open);
  const pairs = app.task('pairs', (values: [number, string]) => values[0]);
  void chord([add.s(1, 1), text.s(2)], pairs.s());
  void chord([group(add.s(1, 1), text.s(2))], pairs.s());
  const nested = chord([chord([add.s(1, 1)], sum.s()), chain(text.s(1), size.s())], sum.s());
  same<typeof nested, Chord<Full, number>>(true);

  // @ts-expect-error -- not all of them are numbers
  void chord([add.s(1, 1), text.s(2)], sum.s());
  // @ts-expect-error -- the body gets the list, not one of it
  void chord([add.s(1, 1), add.s(2, 2)], text.s());
  // @ts-expect-error -- of a group as well
  void chord(group(text.s(1)), sum.s());
  // @ts-expect-error -- and of a generator
  void chord(sizes(files), size.s());
  // @ts-expect-error -- the order counts
  void chord([text.s(2), add.s(1, 1)], pairs.s());
  // @ts-expect-error -- the list would be a third argument
  void chord([add.s(1, 1)], add.s(1, 2));
  // @ts-expect-error -- the first step of the body gets it
  void chord([add.s(1, 1)], chain(text.s(), size.s()));
  // @ts-expect-error -- each part of the body gets it
  void chord([add.s(1, 1)], group(sum.s(), text.s()));
  // @ts-expect-error -- a header is a list or a group
  void chord(add.s(1, 1), sum.s());
  // @ts-expect-error -- a body is a signature
  void chord([add.s(1, 1)], sum);
  // @ts-expect-error -- what the header needs comes from the step before
  void chain(text.s(1), open);
}
