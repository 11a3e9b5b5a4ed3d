/** The tasks of an App, by name. */
import { RegistryError, UnknownTaskError } from '../errors.js';
import type { AnyFunction, Definition } from '../task/definition.js';
import { type FoundTask, tasksOfClass, tasksOfObject } from '../task/decorator.js';
import { inside, isTask, nameOf, type Sender, type Task } from '../task/task.js';
import { Holders } from './holders.js';

/** What can be registered: a task, a class with marked methods, or an instance of one. */
export type Registrable = Task | (abstract new (...args: never[]) => object) | object;

/** Tasks by name, each name once. */
export class Registry {
  readonly #app: string;
  readonly #sender: Sender;
  readonly #tasks = new Map<string, Task>();
  /** The same as this App runs them. */
  readonly #definitions = new Map<string, Definition>();
  readonly #holders: Holders;
  readonly #listeners = new Set<(name: string) => void>();
  #additions = 0;

  constructor(app: string, sender: Sender) {
    this.#app = app;
    this.#sender = sender;
    this.#holders = new Holders(app);
  }

  /** How many tasks it was given: what is made of all of them is made anew when this has changed. */
  get additions(): number {
    return this.#additions;
  }

  /** Takes a task that this App's own `task` made. */
  declare(task: Task): void {
    inside(task).home = this.#sender;
    this.add(task);
  }

  /**
   * Takes a task and binds it: its calls are sent by this App, unless another has it already.
   *
   * @throws RegistryError when another task has its name
   */
  add(task: Task): void {
    const self = inside(task);
    const name = nameOf(self.definition);
    const known = this.#tasks.get(name);
    if (known && inside(known).definition.fn !== self.definition.fn) {
      throw new RegistryError(
        `app ${this.#app} has two tasks named ${name}: the functions ${describe(known)} and ${describe(task)}; give one of them another name`,
      );
    }
    this.#tasks.set(name, task);
    this.#definitions.set(name, this.own(self.definition));
    this.#additions += 1;
    self.sender ??= this.#sender;
    for (const listener of this.#listeners) listener(name);
  }

  /**
   * Has a function called with the name of each task that is added from now on.
   *
   * @returns a function that ends it
   * @internal
   */
  onAdded(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes what `register` takes; gives how many tasks it held.
   *
   * @throws RegistryError when it holds none, or when one of its methods runs on another object
   */
  register(item: Registrable): number {
    const found = find(item);
    if (found.length === 0) {
      throw new RegistryError(
        `register() takes a task, a class with @task() methods or an instance of one, got ${show(item)} without tasks`,
      );
    }
    for (const one of found) this.#take(one, false);
    return found.length;
  }

  /** Takes the tasks among a module's exports, but for those that another App declared. */
  registerExports(exported: readonly unknown[]): void {
    for (const one of exported.flatMap(find)) {
      const { home } = inside(one.task);
      if (home === undefined || home === this.#sender) this.#take(one, true);
    }
  }

  /**
   * Called when all modules are loaded.
   *
   * @throws RegistryError when it is open on which object a method runs
   * @internal
   */
  checkHolders(): void {
    this.#holders.check();
  }

  #take({ task, holder }: FoundTask, exported: boolean): void {
    const { definition } = inside(task);
    if (holder) this.#holders.offer(definition, holder, exported);
    this.add(task);
  }

  /** A definition as this App runs it. @internal */
  own(definition: Definition): Definition {
    return this.#holders.own(definition);
  }

  /** What this App runs for a task, if it has that. @internal */
  definition(name: string): Definition | undefined {
    return this.#definitions.get(name);
  }

  /** The task of a name, if there is one. */
  find(name: string): Task | undefined {
    return this.#tasks.get(name);
  }

  /**
   * The task of a name.
   *
   * @throws UnknownTaskError which lists near names
   */
  get(name: string): Task {
    const task = this.#tasks.get(name);
    if (task) return task;
    throw new UnknownTaskError(unknownTask(this.#app, name, this.names()));
  }

  /** Every name, sorted. */
  names(): string[] {
    return [...this.#tasks.keys()].sort();
  }
}

/** The tasks that a value holds. */
function find(item: unknown): FoundTask[] {
  if (isTask(item)) return [{ task: item, holder: undefined }];
  if (typeof item === 'function') {
    const { prototype } = item as { prototype?: unknown };
    return typeof prototype === 'object' && prototype !== null
      ? tasksOfClass(item as AnyFunction & { prototype: object })
      : [];
  }
  return typeof item === 'object' && item !== null && !Array.isArray(item)
    ? tasksOfObject(item)
    : [];
}

function unknownTask(app: string, name: string, names: readonly string[]): string {
  const known =
    names.length > 8
      ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`
      : names.join(', ');
  return `app ${app} has no task ${name}; it has ${known || 'none'}. Is its module imported, or named by the app's include?`;
}

const describe = (task: Task): string => inside(task).definition.fn.name || '(anonymous)';

function show(item: unknown): string {
  if (typeof item === 'function') return `the function ${item.name || '(anonymous)'}`;
  return typeof item === 'object' && item !== null
    ? `an object of the class ${item.constructor?.name ?? 'null'}`
    : String(item);
}
