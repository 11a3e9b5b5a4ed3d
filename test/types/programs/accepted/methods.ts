/** Decorated methods that are right. */
import { App, type BatchCall, taskOf } from 'dtask';
import { z } from 'zod';

const app = new App('methods');

export class Methods {
  @app.task()
  static plain(x: number): number {
    return x;
  }

  @app.task({ name: 'methods.checked', args: [z.number()], returns: z.number() })
  checked(x: number): Promise<number> {
    return Promise.resolve(x);
  }

  @app.task({ name: 'methods.gathered', batch: { gather: true } })
  static gathered(calls: readonly BatchCall<[x: number]>[]): number[] {
    return calls.map(({ args: [x] }) => x);
  }

  @app.task({ name: 'methods.packed', batch: true, maxRetries: 3, every: '1h' })
  async packed(this: Methods, label = 'x'): Promise<string> {
    return label;
  }

  @app.task({ name: 'methods.generic' })
  generic<T>(value: T): T[] {
    return [value];
  }
}

// A decorator cannot change the type of its method, so every function has these in its type.
const three: number = await Methods.plain.delay(1).get();
const four: number = await new Methods().checked.applyAsync([1], { countdown: '1s' }).get();
const five: number = await Methods.gathered.s(1).delay().get();
export { five, four, three };

const one: number = await taskOf(Methods.gathered).delay(1).get();
const two: number = await taskOf(Methods.plain).delay(1).get();
export { one, two };
