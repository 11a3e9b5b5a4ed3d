/** What the compiler says of methods, calls by name and annotations: this compiles, and each marked line would not without its mark. */
import {
  type AnyCanvas,
  type Canvas,
  type Chain,
  chain,
  chord,
  group,
  type Signature,
  signature,
} from 'dtask';
import { add, app, type Full, same, Shop, size, sum, text } from './tasks.js';

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
