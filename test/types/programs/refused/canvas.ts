/** Canvases whose parts do not fit. */
import { chain, chord, group } from 'dtask';
import { add, app, double, greet, length, now, ping, sum, upper } from '../tasks.js';

// refused: this step does not take what the step before gives
chain(add.s(1, 2), upper.s());
// refused: this step has all its arguments
chain(add.s(1, 2), double.s(4));
// refused: step
chain(upper.s('a'), length.s(), upper.s());
// refused: step
chain(add.s(1, 2), ping.s());
// refused: step
chain(group(add.s(1, 1), add.s(2, 2)), double.s());
// refused: step
chord([add.s(1, 1), add.s(2, 2)], upper.s());
// refused: arguments
chain(add.s(1), double.s()).delay();
// refused: arguments
add.s(1).delay();
// refused: string
add.s('1');
// refused: a group is made of signatures
group([1, 2]);
// refused: a group is made of signatures
group(1, 2);
// refused: a group is made of signatures
group(add.s(1, 2), double(2));
// refused: a group is made of signatures
chord([1, 2], sum.s());
// refused: Argument of type 'number' is not assignable to parameter of type 'AnyCanvas'
chain(add(1, 2), double.s());
// refused: Argument of type 'Sent<number, AsyncResult<number>>' is not assignable to parameter of type
chain(add.delay(1, 2), double.s());
// refused: CallbackThatTakes<number>
double.s(1).link(upper.s());
// refused: CallbackThatTakes<FailedCall>
double.s(1).onError(double.s());
// refused: CallbackThatTakes<number>
group(double.s(1), double.s(2)).link(sum.s());
// refused: ItemsForStarmap
add.map([1, 2, 3]);
// refused: ItemsOf<number>
double.map(['a']);
// refused: ItemsOf<readonly [x: number, y: number]>
add.starmap([[1, 'a']]);
// refused: ItemsOf<readonly [x: number, y: number]>
add.chunks([[1]], 10);
// refused: ItemsForStarmap
app.mapReduce([1, 2, 3], { map: add, reduce: (a, b) => a + b });
// refused: ItemsOf<number>
app.mapReduce(['a'], { map: double, reduce: (a, b) => a + b });
// refused: CanvasesThatLackNo<[x: number]>
app.group([double.s(), double.s()]);
// refused: CanvasesThatLackNo<[x: number]>
app.chord([double.s(), double.s()], sum.s());
// refused: Expected 0 arguments, but got 1
greet.s({ name: 'a', age: 1 }).onError(now.s(1));
// refused: Type 'Promise<unknown>' is not assignable to type 'number'
export const value: number = chain(add.s(1, 2), app.signature('x')).delay().get();
const results = await group(add.s(1, 1), upper.s('a')).delay();
// refused: Type 'string' is not assignable to type 'number'
for (const [, text] of [await results.get()]) {
  const size: number = text;
  void size;
}
// refused: 'string' is not assignable to type 'number'
export const part: number = await results.results[1].get();
// refused: Type 'number | Error' is not assignable to type 'number'
export const settled: number = (await results.get({ propagate: false }))[0];
