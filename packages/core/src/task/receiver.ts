/** What a task's function gets as `this`. */
import { RegistryError } from '../errors.js';
import type { TaskContext } from './context.js';

/** The object that a method belongs to, found when the task first runs. */
export interface Receiver {
  (): object;
  /** Whether the user gave the object; otherwise it was guessed from the class. */
  readonly given?: true;
}

/** The receiver of a method of an object that the user registered. */
export const givenInstance = (instance: object): Receiver =>
  Object.assign(() => instance, { given: true } as const);

/** The receiver of an instance method whose class was registered: one instance for the process. */
export function lazyInstance(owner: new () => object): Receiver {
  let instance: object | undefined;
  return () => (instance ??= new owner());
}

/** The receiver of an instance method of which no object is known. */
export function missingReceiver(name: string): Receiver {
  return () => {
    throw new RegistryError(
      `task ${name} is a method of an object, and its App was given none; call app.register(...) with the class or an instance`,
    );
  };
}

/** `this.#name`, in a source as written or as a compiler lowers it, needs the real object. */
const usesPrivateNames = /#[\w$]|[cC]lassPrivateField/;
const usesThis = /\bthis\b/;

/**
 * Makes the function that gives `this` for each run.
 *
 * A plain function gets the context. A method may be written either way, `this: TaskContext` or
 * as a method of its class, and nothing at run time tells which: it gets its own object, on which
 * the context's members can be read wherever the object has no member of that name.
 */
export function receiverFor(
  fn: (...args: never[]) => unknown,
  receiver: Receiver | undefined,
): (context: TaskContext) => unknown {
  if (receiver === undefined) return (context) => context;
  const source = Function.prototype.toString.call(fn);
  if (!usesThis.test(source) || usesPrivateNames.test(source)) return receiver;
  return (context) => withContext(receiver(), context);
}

function withContext(target: object, context: TaskContext): object {
  return new Proxy(target, {
    get(object, key) {
      if (key in context && !hasOwnMember(object, key)) {
        return Reflect.get(context, key, context) as unknown;
      }
      const value: unknown = Reflect.get(object, key, object);
      // Methods called on `this` see the object itself, private names and all.
      return typeof value === 'function' && !isClass(value) ? value.bind(object) : value;
    },
    set: (object, key, value) => Reflect.set(object, key, value, object),
  });
}

/** A class has a `name` as every function does, which does not count as its own. */
function hasOwnMember(object: object, key: PropertyKey): boolean {
  if (!(key in object)) return false;
  if (typeof object !== 'function' || key !== 'name') return true;
  const own = Object.getOwnPropertyDescriptor(object, 'name');
  return own !== undefined && (own.writable === true || own.get !== undefined);
}

const isClass = (value: object): boolean =>
  /^class\b/.test(Function.prototype.toString.call(value));
