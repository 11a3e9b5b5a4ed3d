/** Which object a decorated method runs on: overrides, second objects, subclasses, exports. */
/* oxlint-disable typescript/unbound-method -- that they may be read is what is tested */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadApp } from '@dtask/core/internal';
import { App, currentTask, RegistryError, task, type TaskContext } from 'dtask';
import { describe, expect, test } from 'vitest';
import { stage } from '../behaviour/own-stage.js';
import { rejection, thrown } from '../behaviour/rejection.js';
import { app } from '../behaviour/served-app.js';

const soon = { timeout: '10s' } as const;
const modules = fileURLToPath(new URL('./modules', import.meta.url));

describe('an override without a decorator', () => {
  class Base {
    greeting = 'hello';
    @task({ name: 'override.greet' })
    greet(name: string): string {
      return `${this.greeting} ${name}`;
    }
    @task({ name: 'override.kind' })
    static kind(): string {
      return `base of ${this.name}`;
    }
  }
  class Loud extends Base {
    override greet(name: string): string {
      return super.greet(name).toUpperCase();
    }
    static override kind(): string {
      return `${super.kind()}, loud`;
    }
  }

  test('runs on the worker and by apply() as in a plain call', async () => {
    const loud = new Loud();
    app.register(loud, Loud);
    const asTask = Base.prototype.greet as unknown as { apply(a: unknown[]): { get(): unknown } };
    expect(loud.greet('ada')).toBe('HELLO ADA');
    expect(await app.sendTask('override.greet', ['ada']).get(soon)).toBe('HELLO ADA');
    expect(await asTask.apply(['ada']).get()).toBe('HELLO ADA');
    expect(await app.sendTask('override.kind').get(soon)).toBe('base of Loud, loud');
  });

  test('may be a property of the object itself, such as a bound copy or a spy', async () => {
    class Bound {
      seen: string[] = [];
      constructor() {
        const { note } = this;
        this.note = (what) => note.call(this, `spied ${what}`);
      }
      @app.task({ name: 'override.note' })
      note(what: string): string {
        this.seen.push(what);
        return what;
      }
    }
    const bound = new Bound();
    app.register(bound);
    expect(await app.sendTask('override.note', ['this']).get(soon)).toBe('spied this');
    expect(bound.seen).toEqual(['spied this']);
  });

  test('that is no function fails the task with a RegistryError', async () => {
    class Base2 {
      @app.task({ name: 'override.broken' })
      run(): number {
        return 1;
      }
    }
    const odd = Object.assign(new Base2(), { run: 5 as never });
    app.register(odd);
    const error = await rejection(app.sendTask('override.broken').get(soon));
    expect(error).toMatchObject({ errorName: 'RegistryError' });
    expect(error.message).toContain(
      'task override.broken is the method run, but its object has a value of the type number under that name',
    );
  });

  test('is a task of its own where it is decorated, and leaves that of the base alone', async () => {
    class Report {
      @app.task()
      build(): string {
        return `report by ${this.constructor.name}`;
      }
    }
    class Yearly extends Report {
      @app.task()
      override build(): string {
        return `year, ${super.build()}`;
      }
    }
    app.register(new Yearly());
    expect(await app.sendTask('Yearly.build').get(soon)).toBe('year, report by Yearly');
    expect(await app.sendTask('Report.build').get(soon)).toBe('report by Report');
  });

  test('runs through what other decorators put around it', async () => {
    const twice = (
      _owner: object,
      _key: string,
      descriptor: TypedPropertyDescriptor<() => string>,
    ): void => {
      const inner = descriptor.value;
      descriptor.value = function (this: unknown) {
        return `${inner?.call(this)} ${inner?.call(this)}`;
      };
    };
    class Wrapped {
      @twice
      @app.task({ name: 'override.wrapped' })
      say(): string {
        return 'ho';
      }
    }
    expect(new Wrapped().say()).toBe('ho ho');
    expect(await app.sendTask('override.wrapped').get(soon)).toBe('ho ho');
  });
});

/** Declared anew for each test, since a task's name stays with its App. */
const declareStore = (name: string) => {
  class Store {
    constructor(readonly place = 'nowhere') {}
    @app.task({ name })
    where(): string {
      return this.place;
    }
  }
  return Store;
};
const where = (name: string): Promise<unknown> => app.sendTask(name).get(soon);

describe('a second object', () => {
  test('of a registered class is refused, and the first one stays', async () => {
    const Store = declareStore('second.object');
    app.register(new Store('first'));
    const error = thrown(() => app.register(new Store('second')));
    expect(error).toBeInstanceOf(RegistryError);
    expect(error.message).toBe(
      "app test: task second.object runs on an object of the class Store, which was registered first, and cannot run on an object of the class Store as well; register one of them, and make a task of its own for the other: app.task('name', (...args) => object.where(...args))",
    );
    expect(await where('second.object')).toBe('first');
  });

  test('is no second one where it is the same', async () => {
    const Store = declareStore('second.same');
    const store = new Store('same');
    app.register(store, store).register(store);
    expect(await where('second.same')).toBe('same');
  });

  test('comes before a class, whichever was registered first', async () => {
    const Early = declareStore('second.early');
    app.register(new Early('object'), Early);
    expect(await where('second.early')).toBe('object');
    const Late = declareStore('second.late');
    app.register(Late);
    app.register(new Late('object'));
    expect(await where('second.late')).toBe('object');
  });

  test('belongs to another App, which runs the task on it', async () => {
    class Free {
      constructor(readonly place: string) {}
      @task({ name: 'second.free' })
      where(): string {
        return this.place;
      }
    }
    const other = stage.app();
    await stage.worker(other);
    app.register(new Free('one'));
    other.register(new Free('other'));
    expect(await where('second.free')).toBe('one');
    expect(await other.sendTask('second.free').get(soon)).toBe('other');
  });
});

describe('a second subclass', () => {
  test('is refused, as an object and as a class', () => {
    const Store = declareStore('subclass.where');
    class North extends Store {}
    class South extends Store {}
    app.register(North);
    expect(() => app.register(South)).toThrow(
      /runs on the class North, which was registered first, and cannot run on the class South/,
    );
    app.register(new North('north'));
    expect(() => app.register(new South('south'))).toThrow(
      /runs on an object of the class North, .* cannot run on an object of the class South/,
    );
  });

  test('is refused for static methods, which run on the class that was registered', async () => {
    class Model {
      static table = 'models';
      @app.task({ name: 'subclass.table' })
      static which(): string {
        return this.table;
      }
    }
    class User extends Model {
      static override table = 'users';
    }
    class Post extends Model {
      static override table = 'posts';
    }
    app.register(User);
    expect(() => app.register(Post)).toThrow(RegistryError);
    expect(await where('subclass.table')).toBe('users');
  });
});

describe('what modules export', () => {
  const including = (...include: string[]): App => stage.app({ include });

  test('may not be two objects for one method', async () => {
    const error = await rejection(including('two-objects.js').load(modules));
    expect(error).toBeInstanceOf(RegistryError);
    expect(error.message).toBe(
      'app test: task store.where is a method that an object of the class Store and an object of the class Store have, and both are exported; say on which it runs: app.register(...)',
    );
  });

  test('may not be a class and its subclass for a method of an object', async () => {
    const error = await rejection(including('two-classes.js').load(modules));
    expect(error.message).toContain(
      'task base.title is a method that the class Base and the class Daily have, and both are exported',
    );
  });

  test('gives way to what is registered, and leaves static methods on the class that declares them', async () => {
    process.env['DTASK_BROKER_URL'] = stage.engine.url;
    const loaded = await loadApp({ file: path.join(modules, 'choosing.js') });
    await stage.worker(loaded);
    const run = (name: string): Promise<unknown> => loaded.sendTask(name).get(soon);
    expect(await run('store.where')).toBe('south');
    expect(await run('base.title')).toBe('Daily');
    expect(await run('base.kind')).toBe('Base');
    await loaded.close();
  });

  test('may be an object beside classes', async () => {
    const loaded = including('one-object.js');
    await loaded.load(modules);
    await stage.worker(loaded);
    expect(await loaded.sendTask('depot.where').get(soon)).toBe('harbour');
  });
});

describe('an object that keeps tasks which are not its methods', () => {
  test('leaves a wrapped function its context', async () => {
    const holder = {
      who: app.task('kept.who', function (this: TaskContext) {
        return [this.name, this === currentTask()];
      }),
    };
    app.register(holder);
    expect(await holder.who.delay().get(soon)).toEqual(['kept.who', true]);
  });

  test('leaves a method its object', async () => {
    const Store = declareStore('kept.where');
    const store = new Store('own');
    app.register(store);
    app.register({ place: 'stranger', where: store.where });
    expect(await where('kept.where')).toBe('own');
  });
});
