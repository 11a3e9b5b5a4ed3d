/** The `dtask` command. */
import { Command } from 'commander';
import { handSignalsOver } from './early-stop.js';
import { endWithReader, outliveReader } from './reader-gone.js';
import { sayError } from './say-error.js';
import { version } from './version.js';

/** Loaded when they are asked for: a worker starts sooner without what the others need. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  worker: async () => (await import('./commands/worker.js')).workerCommand(),
  beat: async () => (await import('./commands/beat.js')).beatCommand(),
  dev: async () => (await import('./commands/dev.js')).devCommand(),
  call: async () => (await import('./commands/call.js')).callCommand(),
  result: async () => (await import('./commands/result.js')).resultCommand(),
  inspect: async () => (await import('./commands/inspect.js')).inspectCommand(),
  control: async () => (await import('./commands/control.js')).controlCommand(),
  status: async () => (await import('./commands/status.js')).statusCommand(),
  top: async () => (await import('./commands/top.js')).topCommand(),
  events: async () => (await import('./commands/events.js')).eventsCommand(),
  queues: async () => (await import('./commands/queues.js')).queuesCommand(),
  purge: async () => (await import('./commands/purge.js')).purgeCommand(),
  failed: async () => (await import('./commands/failed.js')).failedCommand(),
  report: async () => (await import('./commands/report.js')).reportCommand(),
};

/** Commands that work until they are told to stop. */
const services: ReadonlySet<string> = new Set(['worker', 'beat', 'dev']);

endWithReader();
const program = new Command('dtask')
  .description('Distributed tasks for TypeScript, on BullMQ and Redis.')
  .version(version)
  // Words behind a command's name are that command's.
  .enablePositionalOptions()
  .showHelpAfterError()
  .hook('preAction', (_program, action) => {
    if (services.has(action.name())) outliveReader();
    else handSignalsOver();
  });
const named = commands[process.argv[2] ?? ''];
for (const load of named ? [named] : Object.values(commands)) {
  program.addCommand((await load()).copyInheritedSettings(program));
}

try {
  await program.parseAsync();
} catch (error) {
  sayError(error);
  process.exitCode = 1;
}
