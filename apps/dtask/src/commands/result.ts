/** `dtask result`: shows what became of a task. */
import { type Duration, TaskFailedError } from '@dtask/core';
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
    const retry = retryIn(info);
    print(
      json,
      { id, state, result: info, ...retry },
      () =>
        `${state}${retry ? `\n${retryLine(retry)}` : ''}${info === undefined ? '' : `\n${inspect(info, { depth: 6 })}`}`,
    );
    if (state !== 'SUCCESS') process.exitCode = 1;
  });
}

/** How many times a task was retried that waits for its next run, and when it is due. */
interface Retry {
  readonly retries: number;
  readonly retryAt?: Date;
}

function retryIn(info: unknown): Retry | undefined {
  if (!(info instanceof TaskFailedError) || info.retries === undefined) return undefined;
  const { retries, retryAt } = info;
  return { retries, ...(retryAt && { retryAt }) };
}

const retryLine = ({ retries, retryAt }: Retry): string =>
  `retry ${retries}${retryAt ? `, due at ${retryAt.toISOString()}` : ''}`;
