/** What signals mean to a service that does not know yet how to stop: nothing runs, so the process just ends. */
import process from 'node:process';
import { exitCodes } from './exit-codes.js';

const codes = {
  SIGTERM: exitCodes.stopped,
  SIGINT: exitCodes.stopped,
  SIGQUIT: exitCodes.failed,
  SIGHUP: exitCodes.restart,
} as const;

type Signal = keyof typeof codes;

const end = (signal: NodeJS.Signals): never => process.exit(codes[signal as Signal]);

/** Until somebody else listens, each signal ends the process. */
export function endOnSignals(): void {
  for (const signal of Object.keys(codes) as Signal[]) process.on(signal, end);
}

/** Somebody else listens from now on, or nobody. */
export function handSignalsOver(): void {
  for (const signal of Object.keys(codes) as Signal[]) process.off(signal, end);
}
