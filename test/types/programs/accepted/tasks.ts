/** Declarations and calls that are right. */
import { App, type BatchCall, type Sent, type Task, task, type TaskContext } from 'dtask';
import { z } from 'zod';

/** Compiles only where both types are the same. */
function same<A, B>(
  _proof: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never,
): void {}

const app = new App('accepted');

// Parameters of each form.
export const defaults = app.task('a', ({ size = 1, name }: { size?: number; name: string }) =>
  name.repeat(size),
);
await defaults.delay({ name: 'x' }).get();
export const bareDefaults = app.task('b', ({ size = 1, name = '' } = {}) => name.repeat(size));
await bareDefaults.delay().get();
await bareDefaults.delay({ size: 2 }).get();
export const byDefault = app.task('c', (x: number, y = 2) => x + y);
await byDefault.delay(1);
export const annotated: Task<(x: number, y: number) => number> = app.task('d', (x, y) => x + y);
await annotated.delay(1, 2);
export const withContext = app.task('e', function (this: TaskContext, x: number) {
  return `${this.id} ${x}`;
});
await withContext.delay(1);
export const generic = app.task('f', <T>(value: T) => [value]);
await generic.delay(1);
export const anything = app.task('g', (...values: unknown[]) => values.length);
await anything.delay(1, 'a', null);
export const any = app.task('h', (x: any) => x as number);
await any.delay({ a: 1 });
export const declared: readonly Task[] = [defaults, byDefault, generic, any];

// A helper that takes any task.
export function twice<A extends unknown[], R>(
  given: Task<(...args: A) => R>,
  ...args: A
): [Sent<Awaited<R>>, Sent<Awaited<R>>] {
  return [given.delay(...args), given.applyAsync(args, { countdown: '1s' })];
}
same<ReturnType<typeof twice<[number, number], number>>, [Sent<number>, Sent<number>]>(true);
const [first] = twice(byDefault, 1, 2);
same<typeof first, Sent<number>>(true);

// Schemas say what callers give and get.
export const parsed = app.task('i', (at: Date, count: number) => ({ at, count, secret: 'x' }), {
  args: [z.string().transform((text) => new Date(text)), z.number().default(3)],
  returns: z.object({ at: z.date(), count: z.number() }),
});
const given = await parsed.delay('2026-01-01').get();
same<typeof given, { at: Date; count: number }>(true);
await parsed.delay('2026-01-01', 4);
export const tuple = app.task('j', (x: number, y: string) => `${x}${y}`, {
  args: z.tuple([z.coerce.number<string>(), z.string()]),
});
await tuple.delay('1', 'a');
export const untyped = app.task('k', (x: number) => x, {
  args: [{ '~standard': { version: 1, vendor: 'own', validate: (value: unknown) => ({ value }) } }],
});

// Results that are ignored.
export const ignored = app.task('l', (x: number) => x, { ignoreResult: true });
const nothing = await ignored.delay(1).get();
same<typeof nothing, undefined>(true);
const ignoredOnce = await byDefault.applyAsync([1], { ignoreResult: true }).get();
same<typeof ignoredOnce, undefined>(true);

// Batches.
export const packed = app.task('m', (x: number) => x, { batch: true });
export const gathered = app.task(
  'n',
  (calls: readonly BatchCall<[x: number]>[]) => calls.map(({ args: [x] }) => x * 2),
  { batch: { gather: true, size: 8 } },
);
const one = await gathered.delay(1).get();
same<typeof one, number>(true);

// Lists that cannot be changed.
const pair = [1, 2] as const;
await annotated.applyAsync(pair);
await annotated.starmap([pair, pair]).delay().get();
await annotated.chunks([pair, pair], 2).delay().get();

// Keys of options know the arguments.
app.task('o', (user: { id: string }) => user.id, {
  unique: { key: (user) => user.id },
  rateLimit: '1/s',
  rateLimitKey: (user) => user.id,
  hooks: { onSuccess: (value) => value.toUpperCase() },
});

// Forms.
const free = task('free', (x: number) => x);
app.register(free);
same<typeof free, Task<(x: number) => number>>(true);
export const { task: taskOfApp } = app;
export const tick = app.task('tick', (label = 'x') => label, { every: '1m' });

// Function.prototype.apply goes on to call the function; apply with arguments alone runs it as a task.
class Wrapper {
  wrap(x: number): number {
    return byDefault.apply(this, [x, 2]);
  }
}
export const wrapped: number = new Wrapper().wrap(1);
export const eager: number = await annotated.apply([1, 2]).get();
