/** `dtask worker`: executes tasks until it is told to stop. */
import path from 'node:path';
import { workerSettings } from '@dtask/core/internal';
import type { blame as Blame, Worker, WorkerOptions } from '@dtask/worker';
import { Command } from 'commander';
import { banner } from '../banner.js';
import { engineFor } from '../engine.js';
import { findApp } from '../find-app.js';

interface Options extends Record<string, unknown> {
  app: string;
  embedded?: boolean;
}

/** Makes the command. */
export function workerCommand(): Command {
  const command = new Command('worker')
    .description('Execute the tasks of an app.')
    .requiredOption('-A, --app <module>', 'module of the app: a path, a folder, or module:export')
    .option('--embedded', "start a Redis at the broker's address, if none listens there");
  for (const { flag, doc, defaultText } of Object.values(workerSettings)) {
    if (flag) command.option(flag, `${doc} (default: ${defaultText})`);
  }
  return command.action((options: Options) => work(options));
}

async function work({ app: spec, embedded, ...settings }: Options): Promise<void> {
  // Ahead of the app: once TypeScript's loader is there, all that is loaded passes through it.
  const { blame, captureConsole, Worker } = await import('@dtask/worker');
  const { app, source } = await findApp(spec);
  await app.load(path.dirname(source.file));
  const engine = embedded ? await engineFor(app.config.broker) : undefined;
  const worker = new Worker(app, { ...(settings as WorkerOptions), module: source });
  captureConsole(worker.log);
  const exit = stopOnSignals(worker);
  watchStrays(worker, blame);
  console.error(banner(app, worker, source.file, engine));
  await Promise.race([worker.start(), exit]);
  const code = await exit;
  await app.close();
  await engine?.stop();
  worker.log.info('stopped');
  worker.log.flush();
  // What the app's own modules hold open, a timer or a pool, must not keep a stopped worker.
  process.exit(code);
}

/**
 * The first SIGTERM or SIGINT lets running tasks end, the second hands them back to their queues,
 * the third ends the process where it stands. Gives the exit code: 0 after an orderly stop.
 */
function stopOnSignals(worker: Worker): Promise<number> {
  return new Promise((resolve, reject) => {
    let signals = 0;
    const onSignal = (): void => {
      signals += 1;
      if (signals === 1) {
        worker.log.info(farewell(worker.running));
        worker.stop().then(() => resolve(signals > 1 ? 1 : 0), reject);
      } else if (signals === 2) {
        worker.log.warn('stopping at once: running tasks go back to their queues');
        worker.stop({ force: true }).then(() => process.exit(1), reject);
      } else {
        process.exit(1);
      }
    };
    // Also by a control command.
    void worker.ended.then(() => resolve(signals > 1 ? 1 : 0));
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

function farewell(running: number): string {
  if (running === 0) return 'stopping';
  const tasks = running === 1 ? '1 running task has ended' : `${running} running tasks have ended`;
  return `stopping when ${tasks}; a second signal hands back what runs`;
}

/** What tasks leave behind must not end the tasks beside them, where it is known whose it is. */
function watchStrays(worker: Worker, blame: typeof Blame): void {
  process.on('unhandledRejection', (error) => {
    worker.log.error(
      { err: error },
      'a promise was rejected that nobody awaits; a task forgot an await',
    );
  });
  process.on('uncaughtException', (error) => {
    if (blame(error)) return;
    worker.log.fatal(
      { err: error },
      'an error outside of any task: running tasks go back, and the worker ends',
    );
    worker.stop({ force: true }).then(
      () => process.exit(1),
      () => process.exit(1),
    );
  });
}
