/** Which object each decorated method of an App runs on. */
import { RegistryError } from '../errors.js';
import type { Definition } from '../task/definition.js';
import type { Holder } from '../task/decorator.js';

/** What was chosen for one method. */
interface Choice {
  readonly rank: number;
  readonly object: object;
  /** The method's definition, with that object. */
  readonly definition: Definition;
  /** What else would do as well, so that the user has to say which. */
  readonly rivals: Set<object>;
}

/**
 * What `register` is given comes before what modules export, an object before a class. Of two that come
 * equally, neither is taken silently: the calls of one task would run on either.
 */
export class Holders {
  readonly #app: string;
  readonly #choices = new Map<Definition, Choice>();

  constructor(app: string) {
    this.#app = app;
  }

  /** The definition with the object that was chosen; itself where none was. */
  own(definition: Definition): Definition {
    return this.#choices.get(definition)?.definition ?? definition;
  }

  /**
   * Takes what a method may run on.
   *
   * @param exported whether a module exports it, and nobody registered it
   * @throws RegistryError when another object was registered for the method
   */
  offer(definition: Definition, { object, isClass, receiver }: Holder, exported: boolean): void {
    const { method } = definition;
    if (!method || (exported && isClass && !mayBeMeant(method.isStatic, object))) return;
    const rank = (exported ? 0 : 2) + (isClass ? 0 : 1);
    const known = this.#choices.get(definition);
    if (!known || rank > known.rank) {
      const own = { ...definition, method: { ...method, receiver } };
      this.#choices.set(definition, { rank, object, definition: own, rivals: new Set() });
    } else if (rank === known.rank && object !== known.object) {
      if (!exported) throw this.#twice(definition, known.object, object);
      known.rivals.add(object);
    }
  }

  /**
   * Called when all modules are loaded.
   *
   * @throws RegistryError when modules export several objects for one method and none was registered
   */
  check(): void {
    for (const [definition, { object, rivals }] of this.#choices) {
      const [rival] = rivals;
      if (!rival) continue;
      throw new RegistryError(
        `app ${this.#app}: task ${definition.name} is a method that ${describe(object)} and ${describe(rival)} have, and both are exported; say on which it runs: app.register(...)`,
      );
    }
  }

  #twice(definition: Definition, first: object, second: object): RegistryError {
    return new RegistryError(
      `app ${this.#app}: task ${definition.name} runs on ${describe(first)}, which was registered first, and cannot run on ${describe(second)} as well; register one of them, and make a task of its own for the other: app.task('name', (...args) => object.${String(definition.method?.key ?? 'method')}(...args))`,
    );
  }
}

/**
 * An exported class whose objects cannot be made here is not meant; nor is a subclass for the static
 * methods of its base, which run on the class that declares them.
 */
const mayBeMeant = (isStatic: boolean, owner: object): boolean =>
  !isStatic && (owner as { length: number }).length === 0;

function describe(object: object): string {
  if (typeof object === 'function') return `the class ${object.name || '(anonymous)'}`;
  const { name = '' } = (object.constructor as { name?: string } | undefined) ?? {};
  return `an object of the class ${name || '(anonymous)'}`;
}
