/** The `-A` option of commands that need no task code: without it, settings come from the environment. */
import { App } from '@dtask/core';
import type { Command } from 'commander';
import { findApp, loadTasks } from './find-app.js';

/** Adds `-A` and `--json`. */
export function withApp(command: Command): Command {
  return command
    .option('-A, --app <module>', 'module of the app; without it the broker is DTASK_BROKER_URL')
    .option('--json', 'print JSON');
}

/**
 * Runs a command's work on its App, and closes it.
 *
 * @param whole whether the work wants the tasks as well that the App's `include` names
 */
export async function onApp(
  spec: string | undefined,
  work: (app: App) => Promise<void>,
  whole = false,
): Promise<void> {
  const found = spec === undefined ? undefined : await findApp(spec);
  const app = found?.app ?? new App('cli');
  try {
    if (found && whole) await loadTasks(found);
    await work(app);
  } finally {
    await app.close();
  }
}
