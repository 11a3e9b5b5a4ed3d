/** The App of the `dtask beat` commands, with all of its tasks. */
import { type App, ConfigError } from '@dtask/core';
import type { Command } from 'commander';
import { findApp, loadTasks } from '../find-app.js';

/** Options that all of them have. */
export interface BeatFlags {
  app?: string;
  json?: boolean;
}

/** Adds `-A`. It may as well stand ahead of the word that follows `beat`. */
export const withBeatApp = (command: Command): Command =>
  command.option('-A, --app <module>', 'module of the app: a path, a folder, or module:export');

/** What `-A` names. */
export function specOf(command: Command): string {
  const { app } = command.optsWithGlobals<BeatFlags>();
  if (app !== undefined) return app;
  throw new ConfigError('dtask beat needs -A, the module of the app whose entries it is about');
}

/** Runs a command's work on its App, and closes it. */
export async function onLoadedApp(
  command: Command,
  work: (app: App) => Promise<void>,
): Promise<void> {
  const found = await findApp(specOf(command));
  const { app } = found;
  try {
    await loadTasks(found);
    await work(app);
  } finally {
    await app.close();
  }
}
