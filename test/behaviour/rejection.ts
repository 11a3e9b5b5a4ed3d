/** The error of a promise that must be rejected, for tests that look at it closely. */
export async function rejection<E = Error>(promise: PromiseLike<unknown>): Promise<E> {
  try {
    await promise;
  } catch (error) {
    return error as E;
  }
  throw new Error('the promise was not rejected');
}

/** The error of a call that must throw. */
export function thrown<E = Error>(call: () => unknown): E {
  try {
    call();
  } catch (error) {
    return error as E;
  }
  throw new Error('the call did not throw');
}
