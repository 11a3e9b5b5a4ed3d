/** Checks of arguments, at the caller before anything is sent, and at the worker. */
import { type App, ArgumentsError, ConfigError } from 'dtask';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { stage } from './own-stage.js';
import { runProgram } from './program.js';
import { rejection } from './rejection.js';
import { app } from './served-app.js';
import { untyped } from './untyped.js';

/** An App without a worker, in which a call that is sent would stay to be seen. */
let caller: App;

beforeEach(() => {
  caller = stage.app();
});
afterEach(() => caller.close());

const soon = { timeout: '10s' } as const;

/** The refusal of a call, of which nothing may have reached Redis. */
async function refusal(task: unknown, ...args: unknown[]): Promise<string> {
  const error = await rejection(untyped(task).delay(...args));
  expect(error).toBeInstanceOf(ArgumentsError);
  expect(await caller.queues.names()).toEqual([]);
  expect(await stage.redis.keys(`${caller.config.prefix}:*`)).toEqual([]);
  return error.message;
}

describe('the number of arguments', () => {
  test('may not be more than the function takes', async () => {
    const add = caller.task('add', (x: number, y: number) => x + y);
    expect(await refusal(add, 1, 2, 3)).toBe('task add takes at most 2 arguments, got 3');
    const one = caller.task('one', async (x: number) => x);
    expect(await refusal(one, 1, 2)).toBe('task one takes at most 1 argument, got 2');
    const none = caller.task('none', function none() {});
    expect(await refusal(none, 1)).toBe('task none takes at most 0 arguments, got 1');
  });

  test('is checked at the worker too, where the caller had no code', async () => {
    app.task('pair', (x: number, y: number) => x + y);
    const error = await rejection(app.sendTask('pair', [1, 2, 3]).get(soon));
    expect(error).toBeInstanceOf(ArgumentsError);
    expect(error.message).toBe('task pair takes at most 2 arguments, got 3');
  });

  test('is known of a decorated method by its metadata, and not by its source', async () => {
    class Counted {
      @caller.task({ name: 'counted' })
      static two(x: number, y?: string): string {
        return `arguments: ${x} ${y}`;
      }
    }
    expect(Counted.name).toBe('Counted');
    expect(await refusal(caller.tasks.get('counted'), 1, 'a', 2)).toBe(
      'task counted takes at most 2 arguments, got 3',
    );
  });

  test.each([
    ['a number', 1, 'got 1'],
    ['an object', { args: [1, 2] }, 'got {"args":[1,2]}'],
    ['nothing', undefined, 'got undefined'],
  ])('of applyAsync come as one list, and not as %s', async (_what, args, got) => {
    for (const options of [{}, { batch: true }]) {
      const add = caller.task(`add.${Object.keys(options).length}`, (x: number) => x, options);
      const error = await rejection(untyped(add).applyAsync(args));
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toContain('applyAsync takes the arguments as a list');
      expect(error.message).toContain(got);
    }
    expect(await stage.redis.keys(`${caller.config.prefix}:*`)).toEqual([]);
  });

  test('is free for optional, default, rest and destructured parameters', async () => {
    const optional = app.task('optional', (x: number, y?: number) => x + (y ?? 10));
    const byDefault = app.task('default', (x: number, y = 20) => x + y);
    const rest = app.task('rest', (first: number, ...others: number[]) => first + others.length);
    const pattern = app.task(
      'pattern',
      ({ a }: { a: number }, [b]: number[] = [5]) => a + (b ?? 0),
    );
    expect(await optional.delay(1).get(soon)).toBe(11);
    expect(await optional.delay(1, 2).get(soon)).toBe(3);
    expect(await byDefault.delay(1).get(soon)).toBe(21);
    expect(await byDefault.delay(1, 2).get(soon)).toBe(3);
    expect(await rest.delay(1).get(soon)).toBe(1);
    expect(await rest.delay(1, 2, 3, 4).get(soon)).toBe(4);
    expect(await pattern.delay({ a: 1 }).get(soon)).toBe(6);
    expect(await pattern.delay({ a: 1 }, [2]).get(soon)).toBe(3);
  });

  test('is free where the function reads `arguments`', async () => {
    const count = app.task('count', function count() {
      return arguments.length;
    });
    expect(await untyped(count).delay(1, 2, 3).get(soon)).toBe(3);
  });

  test('is that of the function behind bind', async () => {
    const sum = (...all: number[]): number => all.reduce((total, x) => total + x, 0);
    const bound = app.task('bound', sum.bind(null, 1));
    expect(await bound.delay(2, 3).get(soon)).toBe(6);
  });

  test('is free for functions of the platform, which take what they like', async () => {
    const largest = app.task('largest', Math.max);
    expect(await largest.delay(1, 5, 3).get(soon)).toBe(5);
  });
});

describe('the types of a decorated method', () => {
  test('hold at the caller, before anything is sent', async () => {
    class Typed {
      @caller.task({ name: 'typed' })
      static run(count: number, label: string, when: Date, flag: boolean, tags: string[]): unknown {
        return [count, label, when, flag, tags];
      }
    }
    expect(Typed.name).toBe('Typed');
    const run = caller.tasks.get('typed');
    const when = new Date(0);
    expect(await refusal(run, '5')).toBe(
      'task typed: args[0] must be a number, got the string "5"',
    );
    expect(await refusal(run, 5, 6)).toMatch(/args\[1\] must be a string, got the number 6/);
    expect(await refusal(run, 5, 'a', '2026-01-01')).toMatch(
      /args\[2\] must be of the class Date, got the string "2026-01-01"/,
    );
    expect(await refusal(run, 5, 'a', when, 1)).toMatch(/args\[3\] must be a boolean/);
    expect(await refusal(run, 5, 'a', when, true, 'x')).toMatch(/args\[4\] .* class Array/);
    expect(await refusal(run, 5n)).toMatch(/args\[0\] must be a number, got the bigint 5/);
  });

  test('hold at the worker, and its ArgumentsError reaches a caller without the code', async () => {
    let runs = 0;
    class Strict {
      @app.task({ name: 'strict.square', maxRetries: 5, retryDelay: 1 })
      static square(x: number): number {
        runs += 1;
        return x * x;
      }
    }
    expect(await Strict.square.delay(3).get(soon)).toBe(9);
    const result = await app.sendTask('strict.square', ['3']);
    const error = await rejection(result.get(soon));
    expect(error).toBeInstanceOf(ArgumentsError);
    expect(error.message).toBe('task strict.square: args[0] must be a number, got the string "3"');
    expect(await result.state()).toBe('FAILURE');
    expect(runs).toBe(1);
  });

  test('let optional, default, rest, union and generic parameters pass', async () => {
    class Loose {
      @app.task({ name: 'loose.optional' })
      static optional(x: number, y?: number, z: number | null = null): unknown[] {
        return [x, y, z];
      }
      @app.task({ name: 'loose.union' })
      static union(x: number | string, y: unknown): unknown[] {
        return [x, y];
      }
      @app.task({ name: 'loose.rest' })
      static rest(label: string, ...values: number[]): unknown[] {
        return [label, ...values];
      }
      @app.task({ name: 'loose.options' })
      static options(settings: { a?: number } = {}, ...labels: string[]): unknown[] {
        return [settings, ...labels];
      }
      @app.task({ name: 'loose.generic' })
      static generic<T>(value: T, list: readonly T[]): unknown[] {
        return [value, list];
      }
    }
    expect(await Loose.optional.delay(1).get(soon)).toEqual([1, undefined, null]);
    expect(await Loose.optional.delay(1, undefined, null).get(soon)).toEqual([1, undefined, null]);
    expect(await Loose.optional.delay(1, 2, 3).get(soon)).toEqual([1, 2, 3]);
    expect(await Loose.union.delay('a', 1).get(soon)).toEqual(['a', 1]);
    expect(await Loose.union.delay(1, 'a').get(soon)).toEqual([1, 'a']);
    expect(await Loose.rest.delay('n', 1, 2, 3).get(soon)).toEqual(['n', 1, 2, 3]);
    expect(await Loose.rest.delay('n').get(soon)).toEqual(['n']);
    expect(await Loose.options.delay({ a: 1 }, 'x', 'y').get(soon)).toEqual([{ a: 1 }, 'x', 'y']);
    expect(await Loose.options.delay().get(soon)).toEqual([{}]);
    const generic = app.sendTask('loose.generic', ['a', ['b']]);
    expect(await generic.get(soon)).toEqual(['a', ['b']]);
  });
});

describe('a schema', () => {
  test('of each argument holds at the caller, and tells every issue by its path', async () => {
    const order = caller.task('order', (id: string, item: { count: number }) => [id, item], {
      args: [z.string().min(3), z.object({ count: z.int().positive() })],
    });
    expect(await refusal(order, 'a', { count: 1 })).toMatch(
      /^task order: arguments refused by the schema: args\[0\]: .*3/,
    );
    expect(await refusal(order, 'abc', { count: -1 })).toMatch(/args\[1\]\.count: /);
    expect(await refusal(order, 'abc')).toMatch(/args\[1\]: /);
    expect(await refusal(order, 'abc', { count: 1 }, 3)).toBe(
      'task order takes at most 2 arguments, got 3',
    );
  });

  test('of the whole list holds at the caller', async () => {
    const add = caller.task('tuple', (...all: number[]) => all, {
      args: z.tuple([z.number(), z.number()]),
    });
    expect(await refusal(add, 1, 'x')).toMatch(/args\[1\]: /);
    expect(await refusal(add, 1)).toMatch(/args/);
  });

  test('holds at the worker, where the caller had no code', async () => {
    app.task('schema.worker', (x: number) => x, { args: [z.number()] });
    const error = await rejection(app.sendTask('schema.worker', ['x']).get(soon));
    expect(error).toBeInstanceOf(ArgumentsError);
    expect(error.message).toMatch(/args\[0\]: /);
  });

  test('gives the task what the arguments parse to', async () => {
    const show = app.task('schema.parse', (...all: unknown[]) => all, {
      args: [z.string().trim(), z.object({ page: z.number().default(1) })],
    });
    expect(await show.delay('  tea ', {}).get(soon)).toEqual(['tea', { page: 1 }]);
    expect(await app.sendTask('schema.parse', [' rice', { page: 2 }]).get(soon)).toEqual([
      'rice',
      { page: 2 },
    ]);
  });

  test('may turn an argument into a value of another type, once', async () => {
    const length = app.task('schema.transform', (...all: unknown[]) => all[0], {
      args: [z.string().transform((text) => text.length)],
    });
    expect(await untyped(length).delay('four').get(soon)).toBe(4);
    expect(await app.sendTask('schema.transform', ['seven77']).get(soon)).toBe(7);
    const whole = app.task('schema.transform.list', (...all: unknown[]) => all, {
      args: z.tuple([z.string().transform(Number), z.string().transform(Number)]),
    });
    expect(await untyped(whole).delay('1', '2').get(soon)).toEqual([1, 2]);
  });

  test('may be asynchronous, on either side', async () => {
    const known = async (name: string): Promise<boolean> => {
      await Promise.resolve();
      return name === 'ada';
    };
    const options = { args: [z.string().refine(known, 'nobody of that name')] } as const;
    const greet = app.task('schema.async', (name: string) => `hello ${name}`, options);
    expect(await greet.delay('ada').get(soon)).toBe('hello ada');
    const error = await rejection(app.sendTask('schema.async', ['bob']).get(soon));
    expect(error).toBeInstanceOf(ArgumentsError);
    expect(error.message).toContain('args[0]: nobody of that name');
    const refused = caller.task('schema.async.caller', (name: string) => name, options);
    expect(await refusal(refused, 'bob')).toContain('nobody of that name');
  });

  test('that is asynchronous beside one that is not refuses a call once', async () => {
    const ended = await runProgram('two-refusals.mjs', []);
    expect(ended.stderr).toBe('');
    expect(ended.stdout).toBe('ARGUMENTS\n');
    expect(ended.code).toBe(0);
  });

  test('of the result gives the caller what it parses to', async () => {
    const price = app.task('schema.returns', (x: number) => ({ amount: x, secret: 'cost' }), {
      returns: z.object({ amount: z.number() }).transform(({ amount }) => ({ total: amount * 2 })),
    });
    expect(await price.delay(4).get(soon)).toEqual({ total: 8 });
  });

  test('that the result does not fit fails the task', async () => {
    const free = (): number => 'free' as never;
    const price = app.task('schema.returns.bad', free, { returns: z.number() });
    const error = await rejection(price.delay().get(soon));
    expect(error).toBeInstanceOf(ArgumentsError);
    expect(error.message).toMatch(
      /^task schema\.returns\.bad: result refused by the schema: result: /,
    );
  });
});
