/** Tells a person what went wrong with a command. */
import { DtaskError, StartupError } from '@dtask/core';
import { ownFrames } from '@dtask/core/internal';

/** Prints the message of what dtask says itself, the stack of the rest. */
export function sayError(error: unknown): void {
  if (!(error instanceof Error)) return console.error(error);
  const known = error instanceof DtaskError || error.name === 'EmbeddedError';
  console.error(known ? `dtask: ${error.message}` : error.stack);
  const { cause } = error;
  if (!(error instanceof StartupError && cause instanceof Error)) return;
  const { stack = '' } = cause;
  const [first = ''] = ownFrames(stack).match(/^ {4}at .*$/m) ?? [];
  if (first === '') return;
  // What a user's module threw: its stack says where. Of what dtask refused the line is enough.
  if (cause instanceof DtaskError) console.error(`  in ${placeOf(first)}`);
  else console.error(stack);
}

/** The file and the line of a frame. */
const placeOf = (frame: string): string =>
  /\(([^()]+)\)$/.exec(frame)?.[1] ?? frame.replace(/^ +at (async )?/, '');
