/** What the compiler says of maps: their items, their values, and what they are reduced to. */
import { chain, type ItemResult, map, type MapOptions, starmap } from 'dtask';
import { add, app, same, Shop, size, sum, text } from './tasks.js';

async function* numbers(): AsyncGenerator<number> {
  yield 1;
}

/** A stream gives what the task gives, whatever the items come from. */
export async function streams(): Promise<void> {
  for await (const value of text.map([1, 2])) same<typeof value, string>(true);
  for await (const value of text.map(numbers(), { ordered: false }))
    same<typeof value, string>(true);
  for await (const value of size.map(new Set(['a']))) same<typeof value, number>(true);
  for await (const value of add.starmap([[1, 2]])) same<typeof value, number>(true);
  // oxlint-disable-next-line typescript/unbound-method -- a task knows its class
  for await (const value of map(Shop.square, numbers())) same<typeof value, number>(true);
  for await (const value of starmap(add, new Map([[1, 2]]))) same<typeof value, number>(true);
  for await (const value of text.map([1], { chunkSize: 'auto', speculate: { after: '5s' } }))
    same<typeof value, string>(true);
  for await (const value of add.starmap([[1, 2]], { onItemError: 'retry' }))
    same<typeof value, number>(true);
  // Options that may say anything give either.
  const options: MapOptions = { id: 'mine' };
  for await (const value of text.map([1], options))
    same<typeof value, string | ItemResult<string>>(true);

  // @ts-expect-error -- each item is a number
  text.map(['1']);
  // @ts-expect-error -- also of an async generator
  size.map(numbers());
  // @ts-expect-error -- each item is a list of arguments
  add.starmap([[1]]);
  // @ts-expect-error -- there is no such option
  text.map([1], { chunks: 5 });
  // @ts-expect-error -- a map has no id of its own results, and no countdown
  text.map([1], { countdown: 5 });
}

/** Collected failures stand beside the values. */
export async function collected(): Promise<void> {
  for await (const result of text.map([1], { onItemError: 'collect' })) {
    same<typeof result, ItemResult<string>>(true);
    if (result.ok) same<typeof result.value, string>(true);
    else same<typeof result.error, Error>(true);
    same<typeof result.index, number>(true);
  }
  for await (const result of starmap(add, [[1, 2]], { onItemError: 'collect' }))
    same<typeof result, ItemResult<number>>(true);
}

/** In a canvas it is a signature. */
export async function signatures(): Promise<void> {
  const squares = await text.map([1, 2]).delay().get();
  same<typeof squares, string[]>(true);
  void chain(size.map(['a']), sum.s());
  // @ts-expect-error -- what follows gets the list
  void chain(text.map([1]), size.s());
}

/** A reduction gives what the map gives, and makes one of two of those. */
export async function reductions(): Promise<void> {
  const total = await app.mapReduce(['a', 'b'], { map: size, reduce: add, initial: 0 });
  same<typeof total, number>(true);
  const maybe = await app.mapReduce(numbers(), { map: text, reduce: (a, b) => a + b });
  same<typeof maybe, string | undefined>(true);

  // @ts-expect-error -- the items are texts
  void app.mapReduce([1], { map: size, reduce: add });
  // @ts-expect-error -- it gets numbers
  void app.mapReduce(['a'], { map: size, reduce: (a: string, b: string) => a + b });
  // @ts-expect-error -- it begins with a number
  void app.mapReduce(['a'], { map: size, reduce: add, initial: '' });
  // @ts-expect-error -- a failure has no value
  void app.mapReduce(['a'], { map: size, reduce: add, onItemError: 'collect' });
}
