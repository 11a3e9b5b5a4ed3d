/** An app that ends the process while it is loaded, as by `process.exit()`: nobody else would say so. */
import process from 'node:process';
import { exitCodes } from './exit-codes.js';

/** Loads code of the user's; where that ends the process, says so. */
export async function loading<R>(load: () => Promise<R>): Promise<R> {
  process.on('exit', onExit);
  try {
    return await load();
  } finally {
    expectExit();
  }
}

/** The process was told to end: what is being loaded is not to blame. */
export function expectExit(): void {
  process.off('exit', onExit);
}

function onExit(code: number): void {
  console.error(`dtask: the app ended its process with exit code ${code} while it was loaded`);
  // Nothing was done of what the command is for.
  if (code === 0) process.exitCode = exitCodes.failed;
}
