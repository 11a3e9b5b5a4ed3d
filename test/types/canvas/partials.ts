/** What the compiler says of partials: this compiles, and each marked line would not without its mark. */
import { chain, chord, type Signature, type Task, type TaskContext } from 'dtask';
import { add, app, type Full, label, now, same, size, sum, text } from './tasks.js';

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
