/** The method decorator, in both dialects: TypeScript's `experimentalDecorators` and the standard. */
import { ConfigError } from '../errors.js';
import type { AnyFunction, TaskFunction } from './definition.js';
import type { TaskOptions } from './options.js';
import { givenInstance, lazyInstance, missingReceiver, type Receiver } from './receiver.js';
import { createTask, inside, isTask, type Task } from './task.js';

/** What `@app.task()` gives. */
export interface TaskDecorator {
  /** The standard dialect. */
  <F extends AnyFunction>(method: F, context: ClassMethodDecoratorContext<never, F>): F;
  /** The dialect of `experimentalDecorators`. */
  <F extends TaskFunction>(
    owner: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<F>,
  ): TypedPropertyDescriptor<F>;
}

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
  const task = createTask(descriptor.value as AnyFunction, options, name, { owner, key });
  inside(task).definition.receiver = isStatic
    ? () => owner
    : instanceReceiver(name, owner.constructor);
  onTask(task);
  return { ...descriptor, value: task };
}

function markStandard(
  fn: AnyFunction,
  context: ClassMethodDecoratorContext,
  options: TaskOptions,
  onTask: OnTask,
): AnyFunction {
  const task = createTask(fn, options, options.name);
  const { definition } = inside(task);
  if (options.name !== undefined) {
    definition.receiver = missingReceiver(options.name);
    onTask(task);
  }
  if (context.static) {
    // The class exists only after its methods are decorated; this runs at the end of its body.
    context.addInitializer(function (this: unknown) {
      const owner = this as AnyFunction;
      definition.receiver = () => owner;
      if (definition.name !== undefined) return;
      definition.name = `${owner.name}.${String(context.name)}`;
      onTask(task);
    });
  }
  return task;
}

/** One instance for the process, as Celery has it, where the class can be made without arguments. */
function instanceReceiver(name: string, owner: { length: number }): Receiver {
  return owner.length === 0
    ? lazyInstance(owner as unknown as new () => object)
    : missingReceiver(name);
}

/** Finds the tasks among the methods of a class, and says which object they run on. */
export function tasksOfClass(owner: AnyFunction & { prototype: object }): Task[] {
  const instance =
    owner.length === 0 ? lazyInstance(owner as unknown as new () => object) : undefined;
  return [
    ...methodsOf(owner, () => owner, owner.name),
    ...methodsOf(owner.prototype, instance, owner.name),
  ];
}

/** Finds the tasks among the methods of an object, which from now on run on that object. */
export function tasksOfInstance(instance: object): Task[] {
  return methodsOf(instance, givenInstance(instance), className(instance));
}

/** A module's namespace, for one, has no class. */
function className(instance: object): string {
  return (instance.constructor as { name: string } | undefined)?.name ?? 'Object';
}

function methodsOf(holder: object, receiver: Receiver | undefined, owner: string): Task[] {
  const found: Task[] = [];
  const seen = new Set<string | symbol>();
  for (
    let at: object | null = holder;
    at && at !== Object.prototype && at !== Function.prototype;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (seen.has(key) || !isTask(value)) continue;
      seen.add(key);
      const { definition } = inside(value);
      definition.name ??= `${owner}.${key}`;
      // A class that is found later does not replace the object that was given.
      if (receiver && (receiver.given || !definition.receiver?.given))
        definition.receiver = receiver;
      found.push(value);
    }
  }
  return found;
}
