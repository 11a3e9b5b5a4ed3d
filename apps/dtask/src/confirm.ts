/** The question that a command asks before it changes much. */
import { createInterface } from 'node:readline/promises';
import { ConfigError } from '@dtask/core';

/**
 * Asks on the terminal.
 *
 * @param command names itself where nobody is there to answer
 * @throws ConfigError where the answer is not yes, or nobody is there to give one
 */
export async function confirm(command: string, question: string): Promise<void> {
  if (!process.stdin.isTTY)
    throw new ConfigError(
      `${command} asks before it does that; give --force where nobody can answer`,
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new ConfigError('nothing was changed');
}
