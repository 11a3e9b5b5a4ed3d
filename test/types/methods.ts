/** What the compiler says of decorated methods under `experimentalDecorators`. */
import { App, currentTask, type Sent, task, type TaskContext } from 'dtask';

/** Compiles only where both types are the same. */
function same<A, B>(
  _proof: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never,
): void {}

const app = new App('methods');

class Shop {
  stock = 3;

  @app.task({ name: 'shop.price' })
  static price(amount: number, currency?: string): string {
    return `${amount} ${currency ?? 'EUR'}`;
  }

  @app.task()
  async take(count: number): Promise<number> {
    this.stock -= count;
    return this.stock;
  }

  @task({ maxRetries: 2 })
  static sum(...values: number[]): number {
    return values.length;
  }

  @app.task()
  static who(this: typeof Shop, greeting: string): string {
    return greeting + this.name + currentTask().id;
  }

  @app.task()
  both(this: Shop, factor: number): number {
    return this.stock * factor;
  }

  @app.task()
  free(this: void, factor: number): number {
    return factor;
  }

  // @ts-expect-error -- `this` is the class, not the context
  @app.task()
  static context(this: TaskContext): string {
    return this.id;
  }

  // @ts-expect-error -- `this` is the object, without the context
  @app.task()
  beside(this: Shop & TaskContext): number {
    return this.stock * this.retries;
  }

  // @ts-expect-error -- nor with a part of it
  @task()
  part(this: Pick<TaskContext, 'id'>): string {
    return this.id;
  }

  @app.task()
  own(): number {
    // @ts-expect-error -- a method has no members of the context
    return this.retries;
  }

  @app.task()
  static echo<T>(value: T): T {
    return value;
  }

  // @ts-expect-error -- there is no option maxRetires
  @app.task({ maxRetires: 2 })
  static wrong(): void {}

  // @ts-expect-error -- a field is not a method
  @app.task()
  field = 5;

  // @ts-expect-error -- without parentheses
  @app.task
  static bare(): void {}
}

/** Decorated methods are checked as wrapped functions are. */
export async function methods(): Promise<void> {
  const sent = Shop.price.delay(1);
  same<typeof sent, Sent<string>>(true);
  const value = await Shop.price.delay(1, 'USD').get();
  same<typeof value, string>(true);
  const left = await new Shop().take.delay(2).get();
  same<typeof left, number>(true);
  await Shop.price.applyAsync([1], { countdown: '10s' });
  await Shop.sum.delay(1, 2, 3);
  await Shop.who.delay('hello');
  await new Shop().both.delay(2);
  await new Shop().free.delay(2);
  const echoed = await Shop.echo.delay('a').get();
  void echoed;

  // @ts-expect-error -- a string is no number
  await Shop.price.delay('x');
  // @ts-expect-error -- the amount is missing
  await Shop.price.delay();
  // @ts-expect-error -- there is no third argument
  await Shop.price.delay(1, 'USD', true);
  // @ts-expect-error -- the arguments of applyAsync are checked as well
  await Shop.price.applyAsync(['x']);
  // @ts-expect-error -- and counted
  await Shop.price.applyAsync([]);
  // @ts-expect-error -- there is no option contdown
  await Shop.price.applyAsync([1], { contdown: 5 });
  // @ts-expect-error -- the value is a string
  value.toFixed();
  // @ts-expect-error -- each of the rest has its type
  await Shop.sum.delay(1, '2');
  // @ts-expect-error -- an object is the worker's to give
  await Shop.who.delay(Shop, 'hello');
  // @ts-expect-error -- a method is checked as a static one is
  await new Shop().take.delay('2');
}
