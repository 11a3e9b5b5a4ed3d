/**
 * The types of decorated methods. A decorator cannot change its method's type, so what a task can
 * do is declared on every function. On one that is not a task, nothing of it is there at run time.
 */
import type { CalledWith, GivenFor } from './task/batch-call.js';
import type { CallOptions } from './task/options.js';
import type { Signature } from './canvas/canvas.js';
import type { Sent } from './result/sent.js';
import type { Endings, Remaining } from './task/task.js';

declare global {
  interface CallableFunction {
    /** Of a task: sends a call to a worker. See `TaskMethods.delay`. */
    delay<A extends readonly unknown[], R>(
      // oxlint-disable-next-line typescript/no-explicit-any -- whatever `this` the method declares
      this: (this: any, ...args: A) => R,
      ...args: CalledWith<A>
    ): Sent<GivenFor<A, R>>;
    /** Of a task: sends a call to a worker, with options. See `TaskMethods.applyAsync`. */
    applyAsync<A extends readonly unknown[], R>(
      // oxlint-disable-next-line typescript/no-explicit-any -- whatever `this` the method declares
      this: (this: any, ...args: A) => R,
      args: CalledWith<A>,
      options?: CallOptions,
    ): Sent<GivenFor<A, R>>;
    /** Of a task: a signature, for canvases. See `TaskMethods.s`. */
    s<A extends readonly unknown[], R, G extends Endings<CalledWith<A>>>(
      // oxlint-disable-next-line typescript/no-explicit-any -- whatever `this` the method declares
      this: (this: any, ...args: A) => R,
      ...args: G
    ): Signature<Remaining<CalledWith<A>, G>, GivenFor<A, R>>;
    /** Of a task: an immutable signature. See `TaskMethods.si`. */
    si<A extends readonly unknown[], R>(
      // oxlint-disable-next-line typescript/no-explicit-any -- whatever `this` the method declares
      this: (this: any, ...args: A) => R,
      ...args: CalledWith<A>
    ): Signature<[], GivenFor<A, R>>;
  }
}
