/** Waits for conditions: tests never sleep for a guess. */
import { setTimeout as delay } from 'node:timers/promises';

/** What a condition gives where it does not hold. */
type Nothing = false | null | undefined | 0 | '';

/**
 * Resolves as soon as `predicate` gives something truthy, with what it gave.
 *
 * @param what the condition in words, for the error
 * @param limit longest wait in milliseconds
 */
export async function until<T>(
  what: string,
  predicate: () => T | Promise<T>,
  limit = 15_000,
): Promise<Exclude<T, Nothing>> {
  const deadline = performance.now() + limit;
  for (;;) {
    const seen = await predicate();
    if (seen) return seen as Exclude<T, Nothing>;
    if (performance.now() > deadline)
      throw new Error(`waited ${limit} ms in vain until ${what}; last seen: ${String(seen)}`);
    await delay(20);
  }
}

/** Runs something and gives how long it took, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Gives what a promise was rejected with; throws where it was not. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error(`rejected with what is no Error: ${String(error)}`, { cause: error });
  }
  throw new Error(`was not rejected, but gave ${JSON.stringify(value)}`);
}
