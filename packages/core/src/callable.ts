/**
 * The types of decorated methods. A decorator cannot change its method's type, so what a task can
 * do is declared on every function: on `Function`, which is all that functions have without
 * `strictBindCallApply`. On a function that is not a task, nothing of that is there at run time.
 */
import type { CalledWith, GivenFor } from './task/batch-call.js';
import type { CallOptions } from './task/options.js';
import type { Signature } from './canvas/canvas.js';
import type { Sent } from './result/sent.js';
import type { Endings, Remaining } from './task/task.js';

/** A function that has these methods: none that is only a function, where a program chose so. */
type Chosen<F> = Dtask.TypeChoices extends { taskMethods: 'tasks only' } ? F & TaskFromTaskOf : F;

/** What taskOf() gives: for the compiler's message. */
interface TaskFromTaskOf {
  readonly 'this function is not known to be a task; taskOf(function) gives the task of a decorated method': never;
}

declare global {
  /** Where a program chooses what dtask's types do. */
  namespace Dtask {
    /**
     * The choices. `taskMethods: 'tasks only'` leaves `delay`, `applyAsync`, `s` and `si` to tasks that
     * the compiler knows: those of `app.task(name, fn)`, `taskOf` and `tasksOf`.
     *
     * @example
     * ```ts
     * // dtask.d.ts, a file of the project
     * declare namespace Dtask {
     *   interface TypeChoices {
     *     taskMethods: 'tasks only';
     *   }
     * }
     * ```
     */
    interface TypeChoices {}
  }

  interface Function {
    /** Of a task: sends a call to a worker. See `TaskMethods.delay`. */
    delay<A extends readonly unknown[], R>(
      // oxlint-disable-next-line typescript/no-explicit-any -- whatever `this` the method declares
      this: Chosen<(this: any, ...args: A) => R>,
      ...args: CalledWith<A>
    ): Sent<GivenFor<A, R>>;
    /** Of a task: sends a call to a worker, with options. See `TaskMethods.applyAsync`. */
    applyAsync<A extends readonly unknown[], R>(
      // oxlint-disable-next-line typescript/no-explicit-any -- whatever `this` the method declares
      this: Chosen<(this: any, ...args: A) => R>,
      args: CalledWith<A>,
      options?: CallOptions,
    ): Sent<GivenFor<A, R>>;
    /** Of a task: a signature, for canvases. See `TaskMethods.s`. */
    s<A extends readonly unknown[], R, G extends Endings<CalledWith<A>>>(
      // oxlint-disable-next-line typescript/no-explicit-any -- whatever `this` the method declares
      this: Chosen<(this: any, ...args: A) => R>,
      ...args: G
    ): Signature<Remaining<CalledWith<A>, G>, GivenFor<A, R>>;
    /** Of a task: an immutable signature. See `TaskMethods.si`. */
    si<A extends readonly unknown[], R>(
      // oxlint-disable-next-line typescript/no-explicit-any -- whatever `this` the method declares
      this: Chosen<(this: any, ...args: A) => R>,
      ...args: CalledWith<A>
    ): Signature<[], GivenFor<A, R>>;
  }
}
