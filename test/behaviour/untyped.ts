/** A task without its types, to make the calls that do not compile. */
import type { CallOptions, Sent } from 'dtask';

/** What JavaScript, or a caller with an old copy of the types, can do. */
export interface Untyped {
  delay(...args: unknown[]): Sent<unknown>;
  applyAsync(args: unknown, options?: CallOptions): Sent<unknown>;
}

export const untyped = (task: unknown): Untyped => task as Untyped;
