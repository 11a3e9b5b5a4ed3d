/** Tasks by standard decorators, which TypeScript compiles when `experimentalDecorators` is off. */
import { type App, currentTask, task } from 'dtask';

/** A class of a library: no App is known where it is declared. */
export class LibraryTasks {
  @task({ name: 'library.trim' })
  static trim(text: string): string {
    return text.trim();
  }
}

/** Declares the tasks of one App. */
export function declareTasks(app: App) {
  class MathTasks {
    static factor = 3;

    @app.task({ name: 'std.square' })
    static square(x: number): number {
      return x * x;
    }

    @app.task()
    static triple(x: number): number {
      return x * this.factor;
    }

    @app.task({ name: 'std.who' })
    static who(): string {
      return currentTask().name;
    }
  }

  class Basket {
    static made = 0;
    readonly #items: string[] = [];

    constructor() {
      Basket.made += 1;
    }

    @app.task()
    add(item: string): number {
      return this.#items.push(item);
    }

    @app.task({ name: 'std.clear', maxRetries: 1 })
    clear(): number {
      return this.#items.splice(0).length;
    }
  }
  return { MathTasks, Basket };
}

/** What `@app.task` without parentheses gives. */
export function declareBare(app: App): unknown {
  const bare = Reflect.get(app, 'task') as unknown as (
    method: () => void,
    context: object,
  ) => () => void;
  class Wrong {
    @bare
    static run(): void {}
  }
  return Wrong;
}

/** A field is not a method. */
export function declareField(app: App): unknown {
  const field = app.task() as unknown as (value: undefined, context: object) => void;
  class Wrong {
    @field
    static run = (): void => undefined;
  }
  return Wrong;
}
