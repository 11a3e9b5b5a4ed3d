/** Marks a method as `@task()` does in code that is compiled with `experimentalDecorators`. */
import { task } from 'dtask';

export const mark = (owner, key, options) => {
  const descriptor = Object.getOwnPropertyDescriptor(owner, key);
  Object.defineProperty(owner, key, task(options)(owner, key, descriptor));
};
