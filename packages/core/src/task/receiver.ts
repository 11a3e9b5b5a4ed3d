/** The object that a decorated method runs on. */
import { RegistryError } from '../errors.js';

/** Gives the object. */
export type Receiver = () => object;

/** A class, as far as objects of it are made here. */
export interface ClassOfMethods {
  readonly name: string;
  readonly length: number;
  readonly prototype: object;
}

const made = new WeakMap<ClassOfMethods, object>();

/**
 * The receiver of the methods of a class: one object for the process, as Celery has it, which is made
 * when the first of its tasks runs. Of a class whose constructor takes arguments none can be made.
 */
export function objectOf(owner: ClassOfMethods, task: () => string): Receiver {
  if (owner.length > 0) {
    return missingObject(
      task,
      `; the constructor of ${owner.name || 'its class'} takes arguments, so call app.register(...) with an object of it`,
    );
  }
  return () => {
    let object = made.get(owner);
    if (!object) {
      object = new (owner as unknown as new () => object)();
      made.set(owner, object);
    }
    return object;
  };
}

/** The receiver of a method of which no object is known. */
export function missingObject(
  task: () => string,
  remedy = '; call app.register(...) with the class or an object of it',
): Receiver {
  return () => {
    throw new RegistryError(
      `task ${task()} is a method of an object, and its App was given none${remedy}`,
    );
  };
}

/**
 * The function that a plain call of the method would call: an override of a subclass or of the object
 * itself comes before what was decorated.
 *
 * @throws RegistryError when the object has something else under the name
 */
export function functionOn(
  object: object,
  key: string | symbol,
  task: string,
): (...args: never[]) => unknown {
  const found: unknown = Reflect.get(object, key);
  if (typeof found === 'function') return found as (...args: never[]) => unknown;
  throw new RegistryError(
    `task ${task} is the method ${String(key)}, but its object has ${found === undefined ? 'nothing' : `a value of the type ${typeof found}`} under that name; give app.register(...) an object that has the method`,
  );
}
