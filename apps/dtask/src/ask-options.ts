/** The options of commands that ask workers. */
import type { AskOptions, Duration } from '@dtask/core';
import type { Command } from 'commander';
import { withApp } from './app-option.js';

/** What commander makes of them. */
export interface AskFlags {
  app?: string;
  json?: boolean;
  destination?: string;
  pattern?: string;
  timeout?: Duration;
}

/** Celery's exit code where no worker answers, and ours where one is missing: EX_UNAVAILABLE. */
export const nobody = 69;

/** Adds `-A`, `--json`, `-d`, `-p` and `-t`. */
export function withAsk(command: Command): Command {
  return withApp(command)
    .option('-d, --destination <names>', 'workers to ask, parted by commas; without it all')
    .option('-p, --pattern <glob>', "workers to ask, by a pattern such as 'mail-*'")
    .option('-t, --timeout <time>', 'longest wait for answers (default: 1s)');
}

/** The options of a request. */
export function askOf({ destination, pattern, timeout }: AskFlags): AskOptions {
  return {
    ...(destination !== undefined && {
      destination: destination.split(',').map((name) => name.trim()),
    }),
    ...(pattern !== undefined && { pattern }),
    ...(timeout !== undefined && { timeout }),
  };
}

/** Says that nobody has answered, and ends the command with its exit code. */
export function sayNobody({ destination, pattern }: AskFlags): void {
  const whom = destination ?? pattern;
  console.error(
    whom === undefined ? 'dtask: no worker answers' : `dtask: no worker answers to ${whom}`,
  );
  process.exitCode = nobody;
}
