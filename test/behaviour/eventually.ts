/** Waits until what is asked again and again is as expected; far longer than it should take. */
import { expect } from 'vitest';

/** `await eventually(() => result.state()).toBe('STARTED')` */
export function eventually<T>(ask: () => T | Promise<T>): ReturnType<typeof expect.poll<T>> {
  return expect.poll<T>(ask as () => T, { timeout: 15_000, interval: 20 });
}
