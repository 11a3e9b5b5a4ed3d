/** What the compiler says of canvases: this file compiles, and each marked line would not without its mark. */
import {
  type AnyCanvas,
  App,
  type AsyncResult,
  type Canvas,
  type Chain,
  chain,
  type Chord,
  chord,
  chunks,
  type Group,
  group,
  type GroupResult,
  map,
  type Sent,
  type Signature,
  signature,
  starmap,
  type Task,
  type TaskContext,
} from 'dtask';

/** Compiles only where both types are the same. */
function same<A, B>(
  _proof: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never,
): void {}

/** What a call takes that has all its arguments. */
type Full = [nothing?: never];

const app = new App('canvas');
const add = app.task('add', (x: number, y: number) => x + y);
const sum = app.task('sum', (values: readonly number[]) => values.length);
const text = app.task('text', (x: number) => String(x));
const size = app.task('size', async (value: string) => value.length);
const label = app.task(
  'label',
  (count: number, unit: string, exact: boolean) => [count, unit, exact] as const,
);
const now = app.task('now', () => 5);
const drop = app.task('drop', (_value: number): void => undefined);

class Shop {
  stock = 3;

  @app.task()
  static square(x: number): number {
    return x * x;
  }

  @app.task()
  static price(amount: number, currency?: string): string {
    return `${amount} ${currency ?? 'EUR'}`;
  }

  @app.task()
  static async total(prices: number[]): Promise<number> {
    return prices.length;
  }

  @app.task()
  static echo<T>(value: T): T {
    return value;
  }

  @app.task()
  static who(this: TaskContext, greeting: string, name: string): string {
    return greeting + name + this.id;
  }

  @app.task()
  async take(count: number): Promise<number> {
    this.stock -= count;
    return this.stock;
  }
}

/** A partial takes the parameters in front of the arguments that it has. */
export function partials(): void {
  const bare = add.s();
  same<typeof bare, Signature<[x: number, y: number], number>>(true);
  const half = add.s(2);
  same<typeof half, Signature<[x: number], number>>(true);
  const full = add.s(1, 2);
  same<typeof full, Signature<Full, number>>(true);
  const two = label.s(true);
  same<typeof two, Signature<[count: number, unit: string], readonly [number, string, boolean]>>(
    true,
  );
  const one = label.s('kg', true);
  same<typeof one, Signature<[count: number], readonly [number, string, boolean]>>(true);
  const optioned = add.signature([2], { queue: 'slow' });
  same<typeof optioned, Signature<[x: number], number>>(true);
  const nothing = now.s();
  same<typeof nothing, Signature<Full, number>>(true);

  // @ts-expect-error -- the last parameter is a number
  add.s('x');
  // @ts-expect-error -- there is no third parameter
  add.s(1, 2, 3);
  // @ts-expect-error -- the last parameter is a boolean
  label.s('kg');
  // @ts-expect-error -- two arguments are the last two
  label.s(1, 'kg');
  // @ts-expect-error -- it takes nothing
  now.s(1);
  // @ts-expect-error -- the arguments of signature() are checked as well
  add.signature(['x']);
  // @ts-expect-error -- and its options
  add.signature([1], { contdown: 5 });
}

/** An immutable signature has all its arguments from the start. */
export function immutables(): void {
  const full = add.si(1, 2);
  same<typeof full, Signature<[], number>>(true);
  // @ts-expect-error -- the second argument is missing
  add.si(1);
  // @ts-expect-error -- there is no third argument
  add.si(1, 2, 3);
  // @ts-expect-error -- a string is no number
  add.si(1, '2');
}

/** Parameters that may be left out, lists of them, and those of any type. */
export function parameters(): void {
  const optional = app.task('optional', (x: number, unit?: string) => `${x}${unit ?? ''}`);
  const byUnit = optional.s('kg');
  same<typeof byUnit, Signature<[x: number], string>>(true);
  const free = optional.s();
  same<typeof free, Signature<[x: number, unit?: string | undefined], string>>(true);
  const first = optional.s(1);
  same<typeof first, Signature<Full, string>>(true);
  void chain(add.s(1, 2), optional.s());
  void chain(add.s(1, 2), optional.s('kg'));
  // @ts-expect-error -- the number stands where the value would come
  void chain(add.s(1, 2), optional.s(1));
  // @ts-expect-error -- neither a unit nor a number
  optional.s(true);

  // The argument may be the one or the other: what comes in front of it decides.
  const byDefault = app.task('default', (x: number, y = 2) => x + y);
  void byDefault.s(1).delay();
  void byDefault.s(1).delay(5);
  void chain(add.s(1, 2), byDefault.s(1));
  // @ts-expect-error -- a third is too many
  void byDefault.s(1).delay(5, 6);

  const rest = app.task('rest', (name: string, ...values: number[]) => [name, ...values]);
  void rest.s('a', 1, 2).delay();
  void rest.s(1, 2).delay('a');
  void rest.s(1, 2).delay('a', 3);
  void rest.s().delay('a', 3);
  void chain(text.s(1), rest.s(1, 2));
  // @ts-expect-error -- the name is missing
  void rest.s(1, 2).delay();
  // @ts-expect-error -- each of the rest has its type
  rest.s('a', '1');
  // @ts-expect-error -- the value is no name
  void chain(add.s(1, 2), rest.s(1));

  const all = app.task('all', (...values: number[]) => values.length);
  void chain(add.s(1, 2), all.s(), all.s(4, 5));
  // @ts-expect-error -- each is a number
  all.s('4');

  const literal = app.task('literal', (unit: 'kg' | 'g', pair: [number, string]) => [unit, pair]);
  void literal.s([1, 'x']).delay('kg');
  void literal.s('g', [1, 'x']).delay();
  // @ts-expect-error -- the pair is the other way round
  literal.s(['x', 1]);

  const context = app.task('context', function (this: TaskContext, a: number, b: string) {
    return `${a}${b}${this.id}`;
  });
  const partial = context.s('b');
  same<typeof partial, Signature<[a: number], string>>(true);

  const any: Task = add;
  void chain(any.s(1), any.s(), add.s(4));
}

/** Of what a generic task gives, nothing is known that would not fit. */
export function generics(): void {
  const same = app.task('same', <T>(value: T) => value);
  void chain(add.s(1, 2), same.s(), add.s(4), same.s(), size.s());
  void chord([same.s(1), same.s(2)], sum.s());
  void chain(same.si(1), add.s(1));
  // @ts-expect-error -- but it is one value, not two
  void chain(same.s(1), add.s());
}

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
  void group(steps).delay();
  void chord(steps, sum.s()).delay();
  // @ts-expect-error -- none takes what another gives
  void chain(...texts);
  // @ts-expect-error -- nor what comes before
  void chain(add.s(1, 2), ...texts);
}

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
  same<typeof listed, Group<Full, (number | string)[]>>(true);
}

/** Every part of a group gets what comes before the group. */
export function fanOut(): void {
  const half = group(add.s(1), text.s());
  same<typeof half, Group<[x: number], [number, string]>>(true);
  void half.delay(5);
  void chain(add.s(1, 2), half);
  void chain(add.s(1, 2), group(add.s(1), add.si(1, 2)));
  void chain(add.s(1, 2), group([add.s(1), text.s()]));
  void chain(add.s(1, 2), group(), sum.s());

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

/** Decorated methods make signatures as wrapped functions do. */
export async function methods(): Promise<void> {
  const full = Shop.square.s(5);
  same<typeof full, Signature<Full, number>>(true);
  const bare = Shop.square.s();
  same<typeof bare, Signature<[x: number], number>>(true);
  const fixed = Shop.square.si(5);
  same<typeof fixed, Signature<[], number>>(true);
  const half = Shop.who.s('you');
  same<typeof half, Signature<[greeting: string], string>>(true);
  const unit = Shop.price.s('USD');
  same<typeof unit, Signature<[amount: number], string>>(true);
  const left = await chain(Shop.square.s(5), new Shop().take.s()).delay().get();
  same<typeof left, number>(true);
  const total = await chord([Shop.square.s(1), Shop.square.s(2)], Shop.total.s())
    .delay()
    .get();
  same<typeof total, number>(true);
  void chain(Shop.square.s(5), Shop.echo.s(), Shop.price.s('USD'), size.s());

  // @ts-expect-error -- a string is no number
  Shop.square.s('5');
  // @ts-expect-error -- there is no second parameter
  Shop.square.s(5, 6);
  // @ts-expect-error -- si takes them all
  Shop.square.si();
  // @ts-expect-error -- a price is no number
  void chain(Shop.price.s(5), Shop.square.s());
  // @ts-expect-error -- the header's values are no numbers
  void chord([Shop.price.s(5)], Shop.total.s());
}

/** A call by name has the types that are claimed for it. */
export async function byName(): Promise<void> {
  void chain(app.signature('add', [1, 2]), app.signature('double'), text.s()).delay();
  void chain(signature('add', [1, 2]), add.s(3)).delay();
  const claimed = app.signature<[x: number], string>('text');
  const value = await chain(add.s(1, 2), claimed, size.s()).delay().get();
  same<typeof value, number>(true);
  void app.signature(add.s(1, 2).toJSON()).delay();

  // @ts-expect-error -- what is claimed is checked
  void chain(text.s(1), claimed);
  // @ts-expect-error -- on both sides
  void chain(claimed, add.s(1));
}

/** Canvases in variables and parameters. */
export function annotations(): void {
  const ready: Signature[] = [add.s(1, 2), add.si(1, 2), text.s(1)];
  void group(ready).delay();
  const step: Canvas<[number], number> = add.s(1);
  void chain(add.s(1, 2), step);
  const done: Chain<[], number> = chain(add.s(1, 2), add.s(4));
  void done;
  const any: AnyCanvas[] = [add.s(), group(add.s(1, 2)), chain(), chord([], sum.s())];
  void any;

  // @ts-expect-error -- it lacks an argument
  const early: Signature = add.s(1);
  void early;
  // @ts-expect-error -- it has no room for one
  const late: Canvas<[number], number> = add.s(1, 2);
  void late;
  // @ts-expect-error -- it gives a number
  const other: Canvas<[number], string> = add.s(1);
  void other;
}
