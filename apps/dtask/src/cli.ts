/** The `dtask` command. */
import { Command } from 'commander';
import { DtaskError, StartupError } from '@dtask/core';
import { callCommand } from './commands/call.js';
import { purgeCommand } from './commands/purge.js';
import { queuesCommand } from './commands/queues.js';
import { reportCommand } from './commands/report.js';
import { resultCommand } from './commands/result.js';
import { workerCommand } from './commands/worker.js';
import { version } from './version.js';

const program = new Command('dtask')
  .description('Distributed tasks for TypeScript, on BullMQ and Redis.')
  .version(version)
  .showHelpAfterError();
for (const command of [
  workerCommand(),
  callCommand(),
  resultCommand(),
  queuesCommand(),
  purgeCommand(),
  reportCommand(),
]) {
  program.addCommand(command.copyInheritedSettings(program));
}

try {
  await program.parseAsync();
} catch (error) {
  report(error);
  process.exitCode = 1;
}

/** What went wrong, for a person: the message of what dtask says itself, the stack of the rest. */
function report(error: unknown): void {
  if (!(error instanceof Error)) return console.error(error);
  const known = error instanceof DtaskError || error.name === 'EmbeddedError';
  console.error(known ? `dtask: ${error.message}` : error.stack);
  // What a user's module threw: its stack says where.
  const { cause } = error;
  if (error instanceof StartupError && cause instanceof Error && cause.stack?.includes('\n    at '))
    console.error(cause.stack);
}
