/** The `-A` option of commands that need no task code: without it, settings come from the environment. */
import { App } from '@dtask/core';
import type { Command } from 'commander';
import { findApp } from './find-app.js';

/** Adds `-A` and `--json`. */
export function withApp(command: Command): Command {
  return command
    .option('-A, --app <module>', 'module of the app; without it the broker is DTASK_BROKER_URL')
    .option('--json', 'print JSON');
}

/** Runs a command's work on its App, and closes it. */
export async function onApp(
  spec: string | undefined,
  work: (app: App) => Promise<void>,
): Promise<void> {
  const app = spec === undefined ? new App('cli') : (await findApp(spec)).app;
  try {
    await work(app);
  } finally {
    await app.close();
  }
}
