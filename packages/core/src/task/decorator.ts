/** The method decorator, in both dialects: TypeScript's `experimentalDecorators` and the standard. */
import { ConfigError } from '../errors.js';
import type { TaskDecorator } from './declaration.js';
import type { AnyFunction, Method } from './definition.js';
import type { TaskOptions } from './options.js';
import { type ClassOfMethods, missingObject, objectOf, type Receiver } from './receiver.js';
import { createTask, inside, isTask, nameOf, type Task } from './task.js';

/** Hears of each task that a decorator made, as soon as it has a name. */
export type OnTask = (task: Task) => void;

/** Makes a decorator that marks methods with these options. */
export function taskDecorator(options: TaskOptions, onTask: OnTask): TaskDecorator {
  return ((target: unknown, place: unknown, descriptor?: PropertyDescriptor) => {
    if (typeof target === 'function' && isMethodContext(place)) {
      return markStandard(target as AnyFunction, place, options, onTask);
    }
    if (
      typeof descriptor?.value === 'function' &&
      (typeof place === 'string' || typeof place === 'symbol')
    ) {
      return markLegacy(target as object, place, descriptor, options, onTask);
    }
    throw new ConfigError('@task() marks methods; wrap anything else: app.task(name, fn)');
  }) as TaskDecorator;
}

function isMethodContext(value: unknown): value is ClassMethodDecoratorContext {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'method';
}

function markLegacy(
  owner: object,
  key: string | symbol,
  descriptor: PropertyDescriptor,
  options: TaskOptions,
  onTask: OnTask,
): PropertyDescriptor {
  const isStatic = typeof owner === 'function';
  const holder = isStatic ? (owner as AnyFunction).name : className(owner);
  const name = options.name ?? `${holder}.${String(key)}`;
  const receiver = isStatic ? () => owner : objectOf(owner.constructor, () => name);
  const method: Method = { key, isStatic, owner, receiver };
  const task = createTask(descriptor.value as AnyFunction, options, name, method);
  onTask(task);
  return { ...descriptor, value: task };
}

function markStandard(
  fn: AnyFunction,
  context: ClassMethodDecoratorContext,
  options: TaskOptions,
  onTask: OnTask,
): AnyFunction {
  const method: Method = {
    key: context.private ? undefined : context.name,
    isStatic: context.static,
    owner: undefined,
    receiver: missingObject(() => nameOf(definition)),
  };
  const task = createTask(fn, options, options.name, method);
  const { definition } = inside(task);
  if (options.name !== undefined) onTask(task);
  if (context.static) {
    // The class exists only after its methods are decorated; this runs at the end of its body.
    context.addInitializer(function (this: unknown) {
      const owner = this as AnyFunction;
      method.receiver = () => owner;
      if (definition.name !== undefined) return;
      definition.name = `${owner.name}.${String(context.name)}`;
      onTask(task);
    });
  }
  return task;
}

/** A task that was found, and what it runs on if it is a method of that. */
export interface FoundTask {
  readonly task: Task;
  readonly holder: Holder | undefined;
}

/** An object with methods that are tasks, or a class of which they are. */
export interface Holder {
  readonly object: object;
  readonly isClass: boolean;
  readonly receiver: Receiver;
}

/** Finds the tasks among the methods of a class. */
export function tasksOfClass(owner: AnyFunction & { prototype: object }): FoundTask[] {
  const statics: Holder = { object: owner, isClass: true, receiver: () => owner };
  return [
    ...methodsOf(owner, ({ isStatic }) => (isStatic ? statics : undefined)),
    ...methodsOf(owner.prototype, ({ isStatic }, task) =>
      isStatic ? undefined : { ...statics, receiver: objectOf(owner, () => task.name) },
    ),
  ];
}

/** Finds the tasks among the methods of an object, and among its own properties. */
export function tasksOfObject(object: object): FoundTask[] {
  const holder: Holder = { object, isClass: false, receiver: () => object };
  const own = Reflect.ownKeys(object).flatMap((key) => {
    const task = taskAt(object, key);
    // Whatever keeps the task of a method has not become the object of that method.
    return task ? [{ task, holder: undefined }] : [];
  });
  const prototype = Object.getPrototypeOf(object) as object | null;
  return [...own, ...methodsOf(prototype, ({ isStatic }) => (isStatic ? undefined : holder))];
}

/** A module's namespace, for one, has no class. */
function className(prototype: object): string {
  return (prototype.constructor as ClassOfMethods | undefined)?.name ?? 'Object';
}

/** Finds tasks from a class or a prototype upwards; one that is overridden by another task is left out. */
function methodsOf(
  holder: object | null,
  holderOf: (method: Method, task: Task) => Holder | undefined,
): FoundTask[] {
  const found: FoundTask[] = [];
  const seen = new Set<string | symbol>();
  for (
    let at = holder;
    at && at !== Object.prototype && at !== Function.prototype;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    for (const key of Reflect.ownKeys(at)) {
      const task = taskAt(at, key);
      if (!task || seen.has(key)) continue;
      seen.add(key);
      const { definition } = inside(task);
      // Of the class that declares it, so that a subclass does not change it.
      definition.name ??= `${typeof at === 'function' ? (at as AnyFunction).name : className(at)}.${String(key)}`;
      found.push({ task, holder: definition.method && holderOf(definition.method, task) });
    }
  }
  return found;
}

function taskAt(object: object, key: string | symbol): Task | undefined {
  const value: unknown = Object.getOwnPropertyDescriptor(object, key)?.value;
  return isTask(value) ? value : undefined;
}
