/** Declaring functions as tasks: the forms of `app.task`, free tasks, and what is refused. */
import {
  App,
  ConfigError,
  isTask,
  RegistryError,
  task,
  taskOf,
  type TaskOptions,
  UnknownTaskError,
} from 'dtask';
import { describe, expect, test } from 'vitest';
import { stage } from './own-stage.js';
import { rejection, thrown } from './rejection.js';
import { app } from './served-app.js';

const offline = (): App => new App('offline', { broker: 'redis://127.0.0.1:1' });

describe('a wrapped function', () => {
  test('is called as before, and runs on a worker by delay', async () => {
    const add = app.task('math.add', (x: number, y: number) => x + y);
    expect(add(1, 2)).toBe(3);
    expect(add.name).toBe('math.add');
    expect(add).toHaveLength(2);
    expect(await add.delay(1, 2).get({ timeout: '10s' })).toBe(3);
  });

  test('takes its own name where none is given', async () => {
    const half = app.task(function half(x: number) {
      return x / 2;
    });
    expect(half.name).toBe('half');
    expect(await half.delay(8).get({ timeout: '10s' })).toBe(4);
  });

  test('takes its name from its options', () => {
    expect(app.task((x: number) => x, { name: 'named.by.options' }).name).toBe('named.by.options');
    expect(app.tasks.names()).toContain('named.by.options');
  });

  test('may be async, and gives what its promise gives', async () => {
    const later = app.task('later', async (word: string) => {
      await Promise.resolve();
      return `${word}!`;
    });
    expect(await later.delay('yes').get({ timeout: '10s' })).toBe('yes!');
  });

  test('may be no generator, whose values would be lost', () => {
    const refusal =
      /task numbers is a generator function, .* cannot be streamed yet; return an array/;
    const numbers = function* numbers() {
      yield 1;
    };
    const later = async function* numbers() {
      yield 1;
    };
    expect(() => app.task(numbers)).toThrow(refusal);
    expect(() => app.task('numbers', later)).toThrow(refusal);
    expect(() => task('numbers', later)).toThrow(ConfigError);
    expect(() => {
      class Wrong {
        @app.task({ name: 'numbers' })
        *run() {
          yield 1;
        }
      }
      return Wrong;
    }).toThrow(refusal);
    expect(() => {
      class Wrong {
        @app.task({ name: 'numbers' })
        static async *run() {
          yield 1;
        }
      }
      return Wrong;
    }).toThrow(refusal);
    expect(app.tasks.names()).not.toContain('numbers');
  });

  test('fails where it gives a generator nevertheless', async () => {
    const numbers = function* () {
      yield 1;
    };
    const bound = app.task('numbers.bound', numbers.bind(null));
    const error = await rejection(bound.delay().get({ timeout: '10s' }));
    expect(error.message).toContain('result: is a generator, which cannot travel');
  });

  test('gives undefined where it returns nothing', async () => {
    const quiet = app.task('quiet', () => undefined);
    expect(await quiet.delay().get({ timeout: '10s' })).toBeUndefined();
  });

  test('keeps the call, apply and bind of every function', () => {
    const greet = app.task('greet', function (this: { name: string }, word: string) {
      return `${word} ${this.name}`;
    });
    const self = { name: 'Ada' };
    const plain = greet as unknown as (this: typeof self, word: string) => string;
    expect(Function.prototype.call.call(plain, self, 'hello')).toBe('hello Ada');
    expect(Reflect.apply(plain, self, ['hello'])).toBe('hello Ada');
    expect(plain.call(self, 'hi')).toBe('hi Ada');
    expect(plain.apply(self, ['hi'])).toBe('hi Ada');
    expect(plain.bind(self)('hey')).toBe('hey Ada');
  });
});

describe('a task of a library', () => {
  test('can be called, but not sent, before an App takes it', async () => {
    const resize = task('image.resize', (width: number) => `resized to ${width}`);
    expect(resize(5)).toBe('resized to 5');
    const error = await rejection(resize.delay(5));
    expect(error).toBeInstanceOf(RegistryError);
    expect(error.message).toContain('task image.resize belongs to no App');
  });

  test('is sent by the App that takes it through `tasks`', async () => {
    const resize = task('image.resize', (width: number) => `resized to ${width}`);
    const own = stage.app({ tasks: [resize] });
    await stage.worker(own);
    expect(await resize.delay(7).get({ timeout: '10s' })).toBe('resized to 7');
  });

  test('is sent by the App that it is registered with', async () => {
    const crop = task(function crop(width: number) {
      return `cropped to ${width}`;
    });
    expect(app.register(crop)).toBe(app);
    expect(await crop.delay(3).get({ timeout: '10s' })).toBe('cropped to 3');
  });

  test('may be a method of a class that an App takes', async () => {
    class Images {
      @task({ name: 'images.rotate' })
      static rotate(degrees: number): string {
        return `rotated by ${degrees}`;
      }
      @task()
      flip(): string {
        return 'flipped';
      }
    }
    app.register(Images);
    expect(await Images.rotate.delay(90).get({ timeout: '10s' })).toBe('rotated by 90');
    expect(await new Images().flip.delay().get({ timeout: '10s' })).toBe('flipped');
    expect(app.tasks.names()).toContain('Images.flip');
  });

  test('stays with the App that took it first, and runs on the workers of both', async () => {
    const shared = task('shared', (word: string) => `shared ${word}`);
    const first = stage.app({ tasks: [shared] });
    const second = stage.app({ tasks: [shared], prefix: first.config.prefix });
    await stage.worker(second);
    expect(await shared.delay('work').get({ timeout: '10s' })).toBe('shared work');
  });
});

describe('what is not a task', () => {
  test('has no delay that works', () => {
    function plain(): void {}
    expect(isTask(plain)).toBe(false);
    const error = thrown(() => taskOf(plain));
    expect(error).toBeInstanceOf(RegistryError);
    expect(error.message).toBe(
      'plain is not a task; mark it with @app.task() or wrap it with app.task(name, fn)',
    );
  });

  test.each([
    ['a class without tasks', class Empty {}, /the function Empty without tasks/],
    ['a plain function', function lonely() {}, /the function lonely without tasks/],
    ['an object without tasks', new Date(), /an object of the class Date without tasks/],
  ])('is refused by register: %s', (_what, item, message) => {
    expect(() => offline().register(item)).toThrow(RegistryError);
    expect(() => offline().register(item)).toThrow(message);
  });
});

describe('a name', () => {
  test('of two different functions is refused, with both named', () => {
    const own = offline();
    own.task('pay', function charge() {});
    const error = thrown(() => own.task('pay', function refund() {}));
    expect(error).toBeInstanceOf(RegistryError);
    expect(error.message).toContain('two tasks named pay: the functions charge and refund');
  });

  test('may be registered twice by the same task', () => {
    const pay = task('pay', () => 'paid');
    const own = offline();
    own.register(pay, pay);
    expect(own.tasks.names()).toEqual(['pay']);
  });

  test('that no task has is refused with the names that are there', () => {
    const own = offline();
    own.task('math.add', () => 0);
    const error = thrown(() => own.tasks.get('math.ad'));
    expect(error).toBeInstanceOf(UnknownTaskError);
    expect(error.message).toContain('app offline has no task math.ad; it has math.add');
  });

  test('that no worker knows fails the call with the names that the worker has', async () => {
    const error = await rejection(app.sendTask('no.such.task').get({ timeout: '10s' }));
    expect(error).toBeInstanceOf(UnknownTaskError);
    expect(error.message).toContain('has no task no.such.task, and took it from queue default');
    expect(error.message).toContain('include');
  });

  test('is needed by a function that has none', () => {
    for (const declare of [() => offline().task(() => 1), () => offline().task('', () => 1)]) {
      const error = thrown(declare);
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toContain("app.task('math.add'");
    }
  });

  test.each([
    ['two words', 'two words'],
    ['a line break', 'line\nbreak'],
    ['256 characters', 'x'.repeat(256)],
  ])('must be one word, not %s', (_what, name) => {
    expect(() => offline().task(name, () => 1)).toThrow(
      /a task's name must be 1 to 255 characters/,
    );
  });

  test('without a function is refused with the form to write', () => {
    const given = ['math.add'] as unknown as [TaskOptions];
    expect(() => offline().task(...given)).toThrow(/@app\.task\(\{ name: "math\.add" \}\)/);
  });
});

describe('options', () => {
  test.each<[object, RegExp]>([
    [{ maxRetires: 3 }, /task t has no option "maxRetires"; did you mean maxRetries\?/],
    [{ Queue: 'x' }, /did you mean queue\?/],
    [{ colour: 'red' }, /has no option "colour"; it takes queue, priority/],
    [{ queue: 'a b' }, /queue must be made of letters/],
    [{ priority: 10 }, /priority must be a whole number from 0 \(first\) to 9 \(last\), got 10/],
    [{ countdown: 'soon' }, /countdown must be a number of milliseconds .* got "soon"/],
    [{ maxRetries: -1 }, /maxRetries must be a whole number of at least 0, .* got -1/],
    [{ retryFor: 'TypeError' }, /retryFor must be an error class/],
    [{ retryJitter: 'yes' }, /retryJitter must be true or false, got "yes"/],
    [{ args: 'schema' }, /task t: args must be a Standard Schema/],
    [{ returns: 5 }, /task t: returns must be a Standard Schema, got 5/],
    [{ id: 'fixed' }, /has no option "id"/],
  ])('that a task cannot have are refused: %j', (options, message) => {
    expect(() => offline().task('t', () => 1, options as TaskOptions)).toThrow(ConfigError);
    expect(() => offline().task('t', () => 1, options as TaskOptions)).toThrow(message);
  });

  test('must be an object', () => {
    const given = 'often' as unknown as TaskOptions;
    expect(() => offline().task('t', () => 1, given)).toThrow(/task options must be an object/);
  });
});
