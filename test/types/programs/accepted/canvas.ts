/** Canvases that are right. */
import { chain, chord, group, map, starmap } from 'dtask';
import { add, app, double, find, greet, now, ping, report, sum, upper } from '../tasks.js';

// A list in brackets keeps the types of its parts, as a list of arguments does.
const listed = await group([add.s(1, 1), upper.s('a')]).delay();
const values = await listed.get();
const [one, text]: [number, string] = values;
const first: number = await listed.results[0].get();
const second: string = await listed.results[1].get();
for await (const result of listed) {
  const value: number | string = await result.get();
  void value;
}
const settled = await listed.get({ propagate: false });
const [maybe]: [number | Error, string | Error] = settled;
const sentSettled: [number | Error, string | Error] = await group([add.s(1, 1), upper.s('a')])
  .delay()
  .get({ propagate: false });
const many: number[] = await group([1, 2].map((n) => double.s(n)))
  .delay()
  .get();
function* generated() {
  yield double.s(1);
}
const produced: number[] = await group(generated()).delay().get();
const fromSet: number[] = await group(new Set([double.s(1)]))
  .delay()
  .get();
const total: number = await chord([add.s(1, 1), double.s(2)], sum.s())
  .delay()
  .get();
const ofGroup: number = await chord(group(generated()), sum.s()).delay().get();

// Callbacks.
const failed = app.task('failed', (call: { id: string; error: Error }) => call.error.message);
double.s(1).link(double.s(), ping.si(), upper.si('x')).onError(failed.s(), ping.si());
double.s().link(app.signature('by.name')).onError(app.signature('by.name'));
group(double.s(1), double.s(2)).link(double.s()).delay();
chain(find.s('Ann'), greet.s()).link(report.s('line')).delay();
chain(find.s('Ann'), greet.s('Hi')).delay();

// Maps.
for await (const value of double.map([1, 2, 3])) value.toFixed();
for await (const item of double.map([1, 2], { onItemError: 'collect' }))
  if (item.ok) item.value.toFixed();
for await (const value of add.starmap([[1, 2]])) value.toFixed();
for await (const value of add.starmap([[1, 2]] as const)) value.toFixed();
for await (const value of map(upper, ['a'])) value.trim();
for await (const value of starmap(add, [[1, 2]])) value.toFixed();
const choose = app.task('choose', (which: 'a' | 'b', _options?: { size: 's' | 'l' }) => which);
choose.map(['a', 'b']);
choose.starmap([['a', { size: 's' }], ['b']]);
const users: { name: string; age: number }[] = [];
greet.map(users);
greet.map([{ name: 'Ann', age: 1 }]);
sum.map([[1, 2], [3]]);
app.task('any', (x: any) => x as number).map([1, 'a', {}]);
async function* lines() {
  yield 'a';
}
upper.map(lines());
const reduced: number | undefined = await app.mapReduce([1, 2], {
  map: double,
  reduce: (a, b) => a + b,
});
const lengthOf = app.task('len', (line: string) => line.length);
const reducedFrom: number = await app.mapReduce(lines(), {
  map: lengthOf,
  reduce: add,
  initial: 0,
});
app.group(generated());
app.chord([double.s(1)], sum.s());
app.group([now.s(), now.si()]);
export {
  first,
  fromSet,
  maybe,
  ofGroup,
  one,
  produced,
  reduced,
  reducedFrom,
  second,
  sentSettled,
  text,
  total,
  many,
};
