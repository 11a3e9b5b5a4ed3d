/** An end of the process that nobody has asked for, as by `process.exit()` in the app's code: nobody else would say so. */
import process from 'node:process';
import { exitCodes } from './exit-codes.js';

let explain: (code: number) => string = () => '';

/** Loads code of the user's; where that ends the process, says so. */
export async function loading<R>(load: () => Promise<R>): Promise<R> {
  refuseExit((code) => `the app ended its process with exit code ${code} while it was loaded`);
  try {
    return await load();
  } finally {
    expectExit();
  }
}

/**
 * From now on an end is none that was asked for, and 0 is not its exit code.
 *
 * @param what says what has ended, by the exit code that was given
 */
export function refuseExit(what: (code: number) => string): void {
  explain = what;
  process.off('exit', onExit);
  process.on('exit', onExit);
}

/** The process was told to end: whatever ends it now is not to blame. */
export function expectExit(): void {
  process.off('exit', onExit);
}

function onExit(code: number): void {
  // Not by `console`, which inside a task writes to the log: that is closed by now.
  process.stderr.write(`dtask: ${explain(code)}\n`);
  // Nothing was done of what the command is for, or not to its end.
  if (code === exitCodes.stopped) process.exitCode = exitCodes.failed;
}
