/** `dtask worker`: executes tasks until it is told to stop. */
import { ConfigError } from '@dtask/core';
import { type Setting, workerSettings } from '@dtask/core/internal';
import type { WorkerOptions } from '@dtask/worker';
import { Command, Option } from 'commander';

interface Options extends Record<string, unknown> {
  app: string;
  embedded?: boolean;
  beat?: boolean;
  workers?: string;
}

/** Makes the command. */
export function workerCommand(): Command {
  const command = new Command('worker')
    .description('Execute the tasks of an app.')
    .requiredOption('-A, --app <module>', 'module of the app: a path, a folder, or module:export')
    .option('--embedded', "start a Redis at the broker's address, if none listens there")
    .option('-B, --beat', 'also send the periodic tasks when they are due')
    .option('--workers <n>', 'start so many workers, each in a process, and keep them running');
  withWorkerFlags(command);
  return command.action((options: Options) => work(options, command));
}

/** Adds the flags of the worker's settings, or of some of them. */
export function withWorkerFlags(
  command: Command,
  names = Object.keys(workerSettings) as (keyof typeof workerSettings)[],
): Command {
  for (const setting of names.map((name): Setting<unknown> => workerSettings[name])) {
    const { flag, flagAlone, doc, defaultText } = setting;
    if (!flag) continue;
    const option = new Option(flag, `${doc} (default: ${defaultText})`);
    command.addOption(flagAlone === undefined ? option : option.preset(flagAlone));
  }
  return command;
}

async function work(options: Options, command: Command): Promise<void> {
  const { app, embedded = false, beat = false, workers, ...settings } = options;
  if (workers !== undefined) return supervise(numberOf(workers), options, command);
  const { runWorker } = await import('../work/run-worker.js');
  return runWorker({ app, embedded, beat, settings: settings as WorkerOptions });
}

async function supervise(count: number, options: Options, command: Command): Promise<void> {
  const { configOf, flagsOf, memberName, memberPort } = await import('../fleet/worker-flags.js');
  const { Fleet } = await import('../fleet/fleet.js');
  const { workerLog } = await import('@dtask/worker/log');
  const { name, logLevel, shutdownTimeout, httpPort } = configOf(options);
  const flags = ['worker', ...flagsOf(command, ['embedded', 'workers', 'name', 'httpPort'])];
  const workers = Array.from({ length: count }, (_, index) => [
    ...flags,
    ...['--name', memberName(name, index + 1)],
    ...memberPort(httpPort, index + 1),
  ]);
  const fleet = new Fleet({
    workers,
    embedded: options.embedded ?? false,
    shutdownTimeout,
    banner: () => ({
      title: 'dtask worker',
      rows: [['workers', `${count}, kept running by process ${process.pid}`]],
    }),
    log: workerLog({ level: logLevel, fields: { supervisor: process.pid } }),
    development: undefined,
  });
  process.exit(await fleet.run());
}

function numberOf(workers: string): number {
  if (/^[1-9]\d{0,3}$/.test(workers)) return Number(workers);
  throw new ConfigError(
    `--workers must be a whole number from 1 to 9999, got ${JSON.stringify(workers)}`,
  );
}
