/** Programs of `programs/`, run as a user would. */
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { DtaskProcess } from '../support/dtask-process.js';

/** Starts a program that ends with the test at the latest. */
export function startProgram(name: string, ...args: readonly string[]): DtaskProcess {
  const script = fileURLToPath(new URL(`./programs/${name}`, import.meta.url));
  const program = new DtaskProcess(args, { script });
  onTestFinished(() => program.kill());
  return program;
}
