/** `dtask dev`: an engine and a worker, which reloads the code that changes. */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { WorkerConfig } from '@dtask/core/internal';
import type { StandbyOrders } from '@dtask/worker/standby';
import { Command } from 'commander';
import type { BannerNotes } from '../fleet/line.js';
import { withWorkerFlags } from './worker.js';

interface Options extends Record<string, unknown> {
  app: string;
  embedded: boolean;
  beat: boolean;
  watch?: string;
}

/** How long a worker with old code waits for its tasks, where nobody says. */
const shutdownTimeout = '10s';

/** Makes the command. */
export function devCommand(): Command {
  const command = new Command('dev')
    .description(
      'Execute the tasks of an app that is being written: start a Redis, reload on change.',
    )
    .requiredOption('-A, --app <module>', 'module of the app: a path, a folder, or module:export')
    .option('--no-embedded', "start no Redis where none listens at the broker's address")
    .option('--no-beat', 'send no periodic tasks')
    .option(
      '--watch <paths>',
      "further files and folders to watch, parted by commas, beside the app's own",
    );
  withWorkerFlags(command);
  return command.action((options: Options) => develop(options, command));
}

async function develop(options: Options, command: Command): Promise<void> {
  const { configOf, flagsOf } = await import('../fleet/worker-flags.js');
  const { Fleet } = await import('../fleet/fleet.js');
  const { Dev } = await import('../dev/dev.js');
  const { rootsOf } = await import('../dev/roots.js');
  const { locateApp } = await import('../find-app.js');
  const { preloadOf } = await import('../loader/preload.js');
  const { workerLog } = await import('@dtask/worker/log');
  const given = {
    ...options,
    shutdownTimeout:
      options['shutdownTimeout'] ?? process.env['DTASK_SHUTDOWN_TIMEOUT'] ?? shutdownTimeout,
  };
  const config = configOf(given);
  const { file } = locateApp(options.app);
  const flags = flagsOf(command, ['embedded', 'beat', 'watch', 'shutdownTimeout']);
  if (options.beat) flags.push('--beat');
  const watch = (options.watch ?? '').split(',').filter((place) => place !== '');
  const further = watch.map((place) => path.resolve(place.trim()));
  const log = workerLog({ level: config.logLevel, fields: { supervisor: process.pid } });
  const fleet = new Fleet({
    workers: [['worker', ...flags, '--shutdown-timeout', String(config.shutdownTimeout)]],
    embedded: options.embedded,
    shutdownTimeout: config.shutdownTimeout,
    banner: (facts): BannerNotes => {
      const watched = [...rootsOf(facts), ...further];
      return { title: 'dtask dev', rows: [['watches', watched.map(shown).join(', ')]] };
    },
    onFound: (facts) => dev.follow(facts),
    log,
    development: standbyFor(config, preloadOf(file)),
  });
  const dev = new Dev({ fleet, log, file, watch: further });
  process.exit(await dev.run());
}

/** Most of the children that wait for code: what the worker needs to be up, and a second. */
const mostWaiting = 2;

function standbyFor(
  { pool, concurrency, maxMemoryPerChild: maxMemory }: WorkerConfig,
  preload: string | undefined,
): StandbyOrders {
  const size = Math.min(mostWaiting, concurrency || availableParallelism());
  return { kind: pool, size, maxMemory, preload };
}

const shown = (place: string): string => path.relative(process.cwd(), place) || '.';
