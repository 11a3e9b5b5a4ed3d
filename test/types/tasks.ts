/** What the compiler says of tasks: this file compiles, and each marked line would not without its mark. */
import {
  App,
  type AsyncResult,
  currentTask,
  type EagerResult,
  type Sent,
  task,
  type Task,
  type TaskContext,
  taskOf,
} from 'dtask';

/** Compiles only where both types are the same. */
function same<A, B>(
  _proof: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never,
): void {}

const app = new App('types');
const add = app.task('add', (x: number, y: number) => x + y);
const load = app.task('load', async (path: string) => ({ path, size: 1 }));

/** A wrapped function keeps its parameters and its result. */
export async function wrapped(): Promise<void> {
  same<ReturnType<typeof add>, number>(true);
  same<Parameters<typeof add>, [x: number, y: number]>(true);
  const sent = add.delay(1, 2);
  same<typeof sent, Sent<number>>(true);
  const result = await sent;
  same<typeof result, AsyncResult<number>>(true);
  const value = await result.get({ timeout: '10s' });
  same<typeof value, number>(true);
  const eager = add.apply([1, 2]);
  same<typeof eager, EagerResult<number>>(true);

  // @ts-expect-error -- a string is no number
  await add.delay('x', 2);
  // @ts-expect-error -- the second argument is missing
  await add.delay(1);
  // @ts-expect-error -- there is no third argument
  await add.delay(1, 2, 3);
  // @ts-expect-error -- the arguments of applyAsync are checked as well
  await add.applyAsync([1, 'x']);
  // @ts-expect-error -- and counted
  await add.applyAsync([1]);
  // @ts-expect-error -- those of apply too
  add.apply([1, 'x']);
  // @ts-expect-error -- the value is a number, not a string
  value.toUpperCase();
  // @ts-expect-error -- the promise of a result is not the value
  (await add.delay(1, 2)).toFixed();
  // @ts-expect-error -- a result is not thenable
  await result.then(() => undefined);
  // @ts-expect-error -- a direct call is checked like any other
  add(1, 'x');
}

/** The value of an async function is what its promise gives. */
export async function asynchronous(): Promise<void> {
  const value = await load.delay('a.txt').get();
  same<typeof value, { path: string; size: number }>(true);
  same<ReturnType<typeof load>, Promise<{ path: string; size: number }>>(true);
  // @ts-expect-error -- it has no such field
  void value.length;
}

/** `propagate: false` may give an error in place of the value. */
export async function propagation(): Promise<void> {
  const value = await add.delay(1, 2).get({ propagate: false });
  same<typeof value, number | Error>(true);
  const thrown = await add.delay(1, 2).get({ propagate: true, signal: AbortSignal.timeout(1) });
  same<typeof thrown, number>(true);
  // @ts-expect-error -- an error is no number
  value.toFixed();
}

/** Options are checked by name and type. */
export async function options(): Promise<void> {
  await add.applyAsync([1, 2], { countdown: '10s', expires: new Date(), headers: { a: 1 } });
  await add.applyAsync([1, 2], { maxRetries: null, retryBackoff: '1.5s', retryJitter: false });
  // @ts-expect-error -- there is no option contdown
  await add.applyAsync([1, 2], { contdown: '10s' });
  // @ts-expect-error -- a duration has a unit
  await add.applyAsync([1, 2], { countdown: '10' });
  // @ts-expect-error -- a duration has a unit that exists
  await add.applyAsync([1, 2], { countdown: '10 seconds' });
  // @ts-expect-error -- eta is a Date
  await add.applyAsync([1, 2], { eta: '2026-01-01' });
  // @ts-expect-error -- retryFor is the task's to say
  await add.applyAsync([1, 2], { retryFor: [Error] });
  // @ts-expect-error -- an id is a call's to say
  app.task('id', () => 1, { id: 'x' });
  // @ts-expect-error -- there is no option maxRetires
  app.task('retires', () => 1, { maxRetires: 2 });
  // @ts-expect-error -- there is no option brokr
  new App('wrong', { brokr: 'redis://127.0.0.1' });
  // @ts-expect-error -- a timeout is a duration
  await add.delay(1, 2).get({ timeout: 'soon' });
}

/** Parameters of every kind. */
export async function parameters(): Promise<void> {
  const optional = app.task('optional', (x: number, y?: string) => `${x}${y ?? ''}`);
  await optional.delay(1);
  await optional.delay(1, 'a');
  await optional.delay(1, undefined);
  // @ts-expect-error -- the optional one has its type
  await optional.delay(1, 2);

  const byDefault = app.task('default', (x: number, y = 2) => x + y);
  await byDefault.delay(1);
  // @ts-expect-error -- the default gives the type
  await byDefault.delay(1, '2');

  const rest = app.task('rest', (label: string, ...values: number[]) => [label, ...values]);
  await rest.delay('a');
  await rest.delay('a', 1, 2, 3);
  // @ts-expect-error -- each of the rest has its type
  await rest.delay('a', 1, '2');

  const generic = app.task('generic', <T>(value: T) => [value]);
  const list = await generic.delay(5).get();
  void list[0];
  const kept = generic(5);
  same<typeof kept, number[]>(true);

  const union = app.task('union', (value: number | 'all') => value);
  await union.delay('all');
  // @ts-expect-error -- not one of the union
  await union.delay('some');

  const none = app.task('none', () => undefined);
  await none.delay();
  // @ts-expect-error -- it takes nothing
  await none.delay(1);
}

/** `this: TaskContext` is the worker's to give, not the caller's. */
export async function context(): Promise<void> {
  const who = app.task('who', function (this: TaskContext, greeting: string) {
    return `${greeting} ${this.id} ${this.retries}`;
  });
  const value = await who.delay('hello').get();
  same<typeof value, string>(true);
  // @ts-expect-error -- the greeting is missing
  await who.delay();
  // @ts-expect-error -- the context does not retry by itself
  same<TaskContext['retry'], () => void>(true);
  // @ts-expect-error -- the id cannot be changed
  currentTask().id = 'other';
}

/** A task by its name has the type that is claimed for it. */
export async function byName(): Promise<void> {
  const value = await app.sendTask<number>('add', [1, 2]).get();
  same<typeof value, number>(true);
  const unknown = await app.sendTask('add', [1, 2]).get();
  same<typeof unknown, unknown>(true);
  same<AsyncResult<Date>, ReturnType<typeof app.result<Date>>>(true);
  // @ts-expect-error -- the arguments are an array
  await app.sendTask('add', 1, 2);
  // @ts-expect-error -- options are checked
  await app.sendTask('add', [], { quue: 'x' });
}

/** The forms of `task`, with and without an App. */
export function forms(): void {
  const named = task('named', (x: number) => x);
  same<typeof named, Task<(x: number) => number>>(true);
  const bare = app.task((x: number) => x);
  same<typeof bare, Task<(x: number) => number>>(true);
  const free: Task = named;
  new App('forms', { tasks: [free, bare] }).register(named);
  // @ts-expect-error -- a name alone is no task
  app.task('alone');
  // @ts-expect-error -- the function comes before the options
  app.task('order', { maxRetries: 1 }, () => 1);
}

/** `taskOf` for those who do not want `delay` on every function. */
export async function byTaskOf(): Promise<void> {
  const square = (x: number): number => x * x;
  const result = await taskOf(square).delay(2).get();
  same<typeof result, number>(true);
  // @ts-expect-error -- the types are those of the function
  await taskOf(square).delay('2');
  // @ts-expect-error -- not a function
  taskOf(5);
}
