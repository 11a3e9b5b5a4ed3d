/** Tasks known by their types alone: a producer sends them without loading their code. */
import type { Sent } from '../result/sent.js';
import type { AnyFunction } from '../task/definition.js';
import type { CallOptions } from '../task/options.js';
import type { TaskOf } from '../task/task.js';

/** A task whose code is elsewhere. */
export type RemoteTask<F extends AnyFunction> = Pick<TaskOf<F>, 'name' | 'delay' | 'applyAsync'>;

/** The methods of a class, or the functions of an object, as tasks whose code is elsewhere. */
export type RemoteTasks<C> = {
  readonly [K in keyof C as C[K] extends AnyFunction ? K : never]: C[K] extends AnyFunction
    ? RemoteTask<C[K]>
    : never;
};

/** Sends a call by the task's name. */
export type SendByName = (
  name: string,
  args: readonly unknown[],
  options?: CallOptions,
) => Sent<unknown>;

/** Makes an object on which every property is a task, named by the prefix and the property. */
export function remoteTasks<C>(prefix: string, send: SendByName): RemoteTasks<C> {
  const made = new Map<string, object>();
  return new Proxy({} as object, {
    get(_target, key) {
      // Whoever awaits the object asks for `then`, and must not get a task.
      if (typeof key !== 'string' || key === 'then') return undefined;
      const known = made.get(key);
      if (known) return known;
      const task = remoteTask(`${prefix}.${key}`, send);
      made.set(key, task);
      return task;
    },
  }) as RemoteTasks<C>;
}

function remoteTask(name: string, send: SendByName): object {
  return Object.freeze({
    name,
    delay: (...args: unknown[]) => send(name, args),
    applyAsync: (args: readonly unknown[], options?: CallOptions) => send(name, args, options),
  });
}
