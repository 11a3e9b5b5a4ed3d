/** What the compiler says of canvases that are sent: this compiles, and each marked line would not without its mark. */
import {
  type AsyncResult,
  chain,
  chord,
  chunks,
  group,
  type GroupResult,
  map,
  type Sent,
  starmap,
} from 'dtask';
import { add, app, now, same, Shop, size, sum, text } from './tasks.js';

/** `delay` of a canvas takes what it still needs. */
export async function missing(): Promise<void> {
  void chain(add.s(1), text.s()).delay(5);
  void chain(add.s(), text.s()).delay(5, 6);
  void chain(add.s(), text.s()).applyAsync([5, 6], { countdown: '10s' });
  void chord([add.s(1), add.s(2)], sum.s()).delay(5);
  void chain(group(add.s(1), text.s()), now.si()).delay(5);
  void add.s(2).delay(5);
  void add.s(1, 2).set({ queue: 'slow' }).stamp({ by: 'me' }).delay();
  void add.s(2).set({ queue: 'slow' }).link(text.s()).onError(text.si(1)).delay(5);

  // @ts-expect-error -- the first step lacks an argument
  void chain(add.s(1), text.s()).delay();
  // @ts-expect-error -- of the right type
  void chain(add.s(1), text.s()).delay('5');
  // @ts-expect-error -- and no more than it takes
  void chain(add.s(1), text.s()).delay(5, 6);
  // @ts-expect-error -- it lacks nothing
  void chain(add.s(1, 2), text.s()).delay(5);
  // @ts-expect-error -- applyAsync checks as delay does
  void chain(add.s(1), text.s()).applyAsync([]);
  // @ts-expect-error -- each part of the header lacks an argument
  void chord([add.s(1), add.s(2)], sum.s()).delay();
  // @ts-expect-error -- a signature lacks it as well
  void add.s(2).delay();
  // @ts-expect-error -- and keeps lacking it when it gets options
  void add.s(2).set({ queue: 'slow' }).delay();
  // @ts-expect-error -- there is no option quue
  void add.s(1, 2).set({ quue: 'slow' });
}

/** What a canvas that is sent gives. */
export async function results(): Promise<void> {
  const sent = chain(add.s(1, 2), text.s()).delay();
  same<typeof sent, Sent<string>>(true);
  const result = await sent;
  same<typeof result, AsyncResult<string>>(true);
  const value = await sent.get({ timeout: '10s' });
  same<typeof value, string>(true);
  const asynchronous = await chain(text.s(1), size.s()).delay().get();
  same<typeof asynchronous, number>(true);
  const caught = await chain(add.s(1, 2), text.s()).delay().get({ propagate: false });
  same<typeof caught, string | Error>(true);

  const grouped = group(add.s(1, 1), text.s(2)).delay();
  same<typeof grouped, Sent<[number, string], GroupResult<[number, string]>>>(true);
  const values = await grouped.get();
  same<typeof values, [number, string]>(true);
  const many = await group([1, 2].map((n) => add.s(n, n)))
    .delay()
    .get();
  same<typeof many, number[]>(true);

  const body = await chord([add.s(1, 1)], sum.s()).delay();
  same<typeof body, AsyncResult<number>>(true);
  const total = await chord([add.s(1, 1)], sum.s())
    .delay()
    .get();
  same<typeof total, number>(true);

  // @ts-expect-error -- the value is a string
  value.toFixed();
  // @ts-expect-error -- there is no third value
  String(values[2]);
  // @ts-expect-error -- the results of a group are none of one task
  void (await grouped).info();
}

/** What ends with a group gives the results of a group. */
export async function groupResults(): Promise<void> {
  const fanned = await chain(add.s(1, 2), group(add.s(1), text.s())).delay();
  same<typeof fanned, GroupResult<[number, string]>>(true);
  const values = await fanned.get();
  same<typeof values, [number, string]>(true);
  const lone = await chain(group(add.s(1, 2), text.s(1))).delay();
  same<typeof lone, GroupResult<[number, string]>>(true);
  const bodies = await chord([add.s(1, 1)], group(sum.s(), sum.s())).delay();
  same<typeof bodies, GroupResult<[number, number]>>(true);
  const piped = await add
    .s(1, 2)
    .pipe(group(add.s(1), text.s()))
    .delay();
  same<typeof piped, GroupResult<[number, string]>>(true);
  const deep = await group(chain(add.s(1, 2), group(add.s(1), text.s())), now.s())
    .delay()
    .get();
  same<typeof deep, [[number, string], number]>(true);
  const deeper = await chord([group(add.s(1, 1), add.s(2, 2))], chain(sum.s(), text.s()))
    .delay()
    .get();
  same<typeof deeper, string>(true);
}

/** Tasks over lists. */
export async function items(): Promise<void> {
  // oxlint-disable-next-line typescript/unbound-method -- a task knows its class
  const squares = await map(Shop.square, [1, 2, 3]).delay().get();
  same<typeof squares, number[]>(true);
  const sums = await starmap(add, [
    [1, 2],
    [3, 4],
  ])
    .delay()
    .get();
  same<typeof sums, number[]>(true);
  const parts = await chunks(add, [[1, 2]], 10)
    .delay()
    .get();
  same<typeof parts, number[][]>(true);
  const own = await text.map([1, 2]).delay().get();
  same<typeof own, string[]>(true);
  const ownSums = await add
    .starmap([[1, 2]])
    .delay()
    .get();
  same<typeof ownSums, number[]>(true);
  const ownParts = await add.chunks([[1, 2]], 10).delay();
  same<typeof ownParts, GroupResult<number[][]>>(true);
  const awaited = await map(size, ['a']).delay().get();
  same<typeof awaited, number[]>(true);
  void chain(map(text, [1, 2]), app.task('join', (texts: string[]) => texts.join()).s());
  void chord([starmap(add, [[1, 2]])], app.task('flat', (lists: number[][]) => lists.flat()).s());

  // @ts-expect-error -- each item is a number
  map(text, ['1']);
  // @ts-expect-error -- each item is a list of arguments
  starmap(add, [1, 2]);
  // @ts-expect-error -- of the right length
  starmap(add, [[1]]);
  // @ts-expect-error -- and types
  chunks(add, [[1, '2']], 10);
  // @ts-expect-error -- what follows gets the list
  void chain(map(text, [1, 2]), size.s());
}
