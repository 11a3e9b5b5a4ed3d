/** Declarations of tasks that are wrong. */
import { App, type BatchCall } from 'dtask';
import { z } from 'zod';

const app = new App('declarations');

// refused: 'retries' does not exist in type
app.task('a', (x: number) => x, { retries: 3 });
// refused: Type 'string' is not assignable to type 'number'
app.task('b', (x: number) => x, { maxRetries: '3' });
// refused: implicitly has an 'any' type
app.task('c', (x) => x * 2);
// refused: implicitly has an 'any' type
app.task((x) => x * 2);
// refused: is not assignable to type 'RateLimit
app.task('d', (x: number) => x, { rateLimit: '10 per minute' });
// refused: Type 'number' is not assignable to type 'string'
app.task('e', (x: number) => String(x), { rateLimitKey: (x: string) => x });
// refused: Type 'number' is not assignable to type 'string'
app.task('f', (x: number) => String(x), { unique: { key: (x: string) => x } });
// refused: has no properties in common with type 'DecoratorOptions
app.task('g');
// refused: '"exactly-once"'
app.task('h', () => 1, { delivery: 'exactly-once' });
// refused: a class is not a task
app.task('i', class Foo {}, { maxRetries: 1 });
// refused: a function of a list of BatchCalls needs the option batch: { gather: true }
app.task('j', (calls: readonly BatchCall<[x: number]>[]) => calls.length, {});
// refused: batch: { gather: true } needs a function of a list of calls
app.task('k', (x: number) => x, { batch: { gather: true } });
// refused: the function does not take what these schemas parse to
app.task('l', (x: number) => x, { args: [z.string()] });
// refused: the function does not take what these schemas parse to
app.task('m', (x: number, y: number) => x + y, { args: [z.number()] });
// refused: this schema does not take what the function gives
app.task('n', (x: number) => x, { returns: z.string() });
// refused: a periodic task is sent without arguments
app.task('o', (x: number) => x, { every: '1m' });
// refused: 'timeLimits' does not exist in type
app.task((x: number) => x, { timeLimits: '1m' });
// refused: is not assignable to type 'PoolKind
app.task('p', () => 1, { pool: 'thread' });

export class Methods {
  // refused: Type 'string' is not assignable to type 'number'
  @app.task({ name: 'methods.a', maxRetries: '3' })
  a(): void {}
  // refused: 'retries' does not exist in type
  @app.task({ name: 'methods.b', retries: 3 })
  b(): void {}
  // refused: signature of method decorator
  @app.task
  c(): void {}
  // refused: SchemasThatGive<[x: number]>
  @app.task({ name: 'methods.d', args: [z.string()] })
  d(x: number): number {
    return x;
  }
  // refused: SchemaThatTakes<number>
  @app.task({ name: 'methods.e', returns: z.string() })
  e(x: number): number {
    return x;
  }
  // refused: needs a function of a list of calls
  @app.task({ name: 'methods.f', batch: { gather: true } })
  f(x: number): number {
    return x;
  }
  // refused: needs the option batch: { gather: true }
  @app.task({ name: 'methods.g' })
  g(calls: readonly BatchCall<[x: number]>[]): number[] {
    return calls.map(({ args: [x] }) => x);
  }
}
// refused: 'brokerr' does not exist in type 'AppOptions'
new App('x', { brokerr: 'redis://localhost' });
// refused: Argument of type 'number' is not assignable to parameter of type 'string'
new App(1);
