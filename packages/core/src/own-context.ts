/** In whose context code runs: the stores of AsyncLocalStorage, the user's and those of tracers. */
import { AsyncResource } from 'node:async_hooks';

/**
 * A callback that is called in the context of who gives it here, whatever calls it. A connection, for
 * one, has the context of the request that was the first to need it.
 */
export const inOwnContext = <F extends (...args: never[]) => unknown>(callback: F): F =>
  AsyncResource.bind(callback as unknown as (...args: unknown[]) => unknown) as unknown as F;

const nobodys = new AsyncResource('dtask');

/** Does something in nobody's context: what lives longer than a request keeps none of its stores. */
export const inNoContext = <R>(work: () => R): R => nobodys.runInAsyncScope(work);
