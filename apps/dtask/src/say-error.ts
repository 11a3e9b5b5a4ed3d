/** Tells a person what went wrong with a command. */
import { DtaskError, StartupError } from '@dtask/core';

/** Prints the message of what dtask says itself, the stack of the rest. */
export function sayError(error: unknown): void {
  if (!(error instanceof Error)) return console.error(error);
  const known = error instanceof DtaskError || error.name === 'EmbeddedError';
  console.error(known ? `dtask: ${error.message}` : error.stack);
  // What a user's module threw: its stack says where.
  const { cause } = error;
  if (error instanceof StartupError && cause instanceof Error && cause.stack?.includes('\n    at '))
    console.error(cause.stack);
}
