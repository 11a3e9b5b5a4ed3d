/** Decorated methods, by TypeScript's `experimentalDecorators`: their names, their `this`, their instance. */
import { ConfigError, currentTask, RegistryError } from 'dtask';
import { describe, expect, test } from 'vitest';
import { rejection, thrown } from './rejection.js';
import { app } from './served-app.js';

const soon = { timeout: '10s' } as const;

describe('a decorated static method', () => {
  test('is called as before, and runs on a worker by delay', async () => {
    class MathTasks {
      @app.task({ name: 'math.square' })
      static square(x: number): number {
        return x * x;
      }
    }
    expect(MathTasks.square(4)).toBe(16);
    expect(await MathTasks.square.delay(5).get(soon)).toBe(25);
  });

  test('is named by its class where no name is given', async () => {
    class Shapes {
      @app.task()
      static area(side: number): number {
        return side * side;
      }
    }
    expect(Shapes.area.name).toBe('Shapes.area');
    expect(await app.sendTask('Shapes.area', [3]).get(soon)).toBe(9);
  });

  test('sees the static members of its class, private ones too', async () => {
    class Counter {
      static step = 2;
      static #count = 0;
      @app.task({ name: 'counter.next' })
      static next(): number {
        this.#count += this.step;
        return this.#count;
      }
    }
    await Counter.next.delay().get(soon);
    expect(await Counter.next.delay().get(soon)).toBe(4);
  });

  test('has its class as `this`, and the context in currentTask()', async () => {
    class Audit {
      static greeting = 'I am';
      @app.task({ name: 'audit.who' })
      static who(): string {
        return `${this.greeting} ${currentTask().name} ${currentTask().id}`;
      }
    }
    const sent = Audit.who.delay();
    expect(await sent.get(soon)).toBe(`I am audit.who ${sent.id}`);
  });
});

describe('a decorated method of an object', () => {
  test('runs on one instance for the process, made when the first of its tasks runs', async () => {
    let made = 0;
    class Visits {
      #count = 0;
      constructor() {
        made += 1;
      }
      @app.task()
      visit(): number {
        this.#count += 1;
        return this.#count;
      }
      @app.task()
      leave(): number {
        this.#count -= 1;
        return this.#count;
      }
    }
    app.register(Visits);
    expect(made).toBe(0);
    expect(await app.sendTask('Visits.visit').get(soon)).toBe(1);
    expect(await app.sendTask('Visits.visit').get(soon)).toBe(2);
    expect(await app.sendTask('Visits.leave').get(soon)).toBe(1);
    expect(made).toBe(1);
  });

  test('needs no register where its class is made without arguments', async () => {
    class Plain {
      greeting = 'hello';
      @app.task({ name: 'plain.greet' })
      greet(name: string): string {
        return `${this.greeting} ${name}`;
      }
    }
    expect(await new Plain().greet.delay('you').get(soon)).toBe('hello you');
  });

  test('shares the object of its class with the methods beside it, registered or not', async () => {
    class Tally {
      count = 0;
      @app.task({ name: 'tally.up' })
      up(): number {
        return (this.count += 1);
      }
      @app.task({ name: 'tally.down' })
      down(): number {
        return (this.count -= 1);
      }
    }
    expect(await app.sendTask('tally.up').get(soon)).toBe(1);
    expect(await app.sendTask('tally.up').get(soon)).toBe(2);
    expect(await app.sendTask('tally.down').get(soon)).toBe(1);
    expect(Tally.name).toBe('Tally');
  });

  test('runs on the instance that was registered', async () => {
    class Mailer {
      readonly #sender: string;
      constructor(sender: string) {
        this.#sender = sender;
      }
      @app.task({ name: 'mail.send' })
      send(to: string): string {
        return `${this.#sender} to ${to}`;
      }
    }
    const mailer = new Mailer('shop');
    app.register(mailer);
    expect(await mailer.send.delay('ada').get(soon)).toBe('shop to ada');
    expect(mailer.send('grace')).toBe('shop to grace');
  });

  test('is refused at its run where its class needs arguments and no instance was given', async () => {
    class Reports {
      constructor(readonly folder: string) {}
      @app.task({ name: 'reports.write' })
      write(): string {
        return this.folder;
      }
    }
    expect(Reports.name).toBe('Reports');
    const error = await rejection(app.sendTask('reports.write').get(soon));
    expect(error).toMatchObject({ code: 'TASK_FAILED', errorName: RegistryError.name });
    expect(error.message).toContain(
      'task reports.write is a method of an object, and its App was given none; the constructor of Reports takes arguments, so call app.register(...) with an object of it',
    );
  });

  test('sees its own members, whatever their names, and no others', async () => {
    class Invoice {
      id = 'invoice-7';
      @app.task({ name: 'invoice.show' })
      show(): unknown[] {
        return [this.id, 'retries' in this, currentTask().name];
      }
    }
    app.register(new Invoice());
    expect(await app.sendTask('invoice.show').get(soon)).toEqual([
      'invoice-7',
      false,
      'invoice.show',
    ]);
  });

  test('writes its members on the object itself', async () => {
    class Total {
      sum = 0;
      @app.task({ name: 'total.add' })
      add(amount: number): number {
        this.sum += amount;
        return this.sum;
      }
    }
    const total = new Total();
    app.register(total);
    await total.add.delay(2).get(soon);
    await total.add.delay(3).get(soon);
    expect(total.sum).toBe(5);
  });

  test('may call methods that use private names', async () => {
    class Vault {
      #secret = 'sesame';
      @app.task({ name: 'vault.open' })
      open(): string {
        return this.reveal();
      }
      reveal(): string {
        return this.#secret;
      }
    }
    app.register(new Vault());
    expect(await app.sendTask('vault.open').get(soon)).toBe('sesame');
  });
});

describe('the decorator', () => {
  test('without parentheses is refused with what to write', () => {
    const bare = Reflect.get(app, 'task') as unknown as MethodDecorator;
    const error = thrown(() => {
      class Wrong {
        @bare
        static run(): void {}
      }
      return Wrong;
    });
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toBe('write @app.task() with parentheses, not @app.task');
  });

  test('on anything but a method is refused', () => {
    const decorate = app.task() as unknown as ClassDecorator;
    expect(() => {
      @decorate
      class Wrong {}
      return Wrong;
    }).toThrow(/@task\(\) marks methods; wrap anything else/);
  });

  test('refuses an unknown option by its name', () => {
    const options = { retrydelay: '1s' } as object;
    expect(() => {
      class Wrong {
        @app.task(options)
        static run(): void {}
      }
      return Wrong;
    }).toThrow(/task Wrong\.run has no option "retrydelay"; did you mean retryDelay\?/);
  });

  test('refuses two methods under one name', () => {
    expect(() => {
      class Twice {
        @app.task({ name: 'twice' })
        static one(): void {}
        @app.task({ name: 'twice' })
        static two(): void {}
      }
      return Twice;
    }).toThrow(/two tasks named twice: the functions one and two/);
  });
});
