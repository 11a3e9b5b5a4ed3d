/** `dtask result`: shows what became of a task. */
import type { Duration } from '@dtask/core';
import { Command } from 'commander';
import { inspect } from 'node:util';
import { onApp, withApp } from '../app-option.js';
import { print } from '../print.js';

interface Options {
  app?: string;
  json?: boolean;
  wait?: Duration | true;
}

/** Makes the command. */
export function resultCommand(): Command {
  return withApp(new Command('result'))
    .description("Show a task's state and result. Exits with 0 only where the task has succeeded.")
    .argument('<id>', "the task's id")
    .option('-w, --wait [time]', "wait for the end, at most this long, such as '10s'")
    .action((id: string, options: Options) => result(id, options));
}

async function result(id: string, { app: spec, json, wait }: Options): Promise<void> {
  await onApp(spec, async (app) => {
    const handle = app.result(id);
    if (wait !== undefined)
      await handle.get({ propagate: false, ...(wait !== true && { timeout: wait }) });
    const [state, info] = [await handle.state(), await handle.info()];
    print(
      json,
      { id, state, result: info },
      () => `${state}${info === undefined ? '' : `\n${inspect(info, { depth: 6 })}`}`,
    );
    if (state !== 'SUCCESS') process.exitCode = 1;
  });
}
